"""Income as tables by year, month, instrument, country and currency: one value for the page and for its CSV files."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from stonks.ledger.received import Received
from stonks.portfolio import countries, income
from stonks.portfolio.income import Income, Receipt
from stonks.portfolio.late import Late
from stonks.portfolio.valuation import Instrument, Rates, converted
from stonks.web import filters

UNNAMED = "Without an instrument"
NO_ISIN = "Without an ISIN"

Name = Callable[[Receipt], Hashable]
Words = tuple[str, str]


class Line(NamedTuple):
    name: str
    code: str  # what a file calls it: 2026-04, an ISIN, a country's code
    income: Income
    corrected: bool  # something of it came after its year had ended


class Table(NamedTuple):
    name: str
    title: str
    first: str  # the first column's head
    unit: str  # the base currency, or "" where each line has its own
    lines: list[Line]

    @property
    def head(self) -> tuple[str, ...]:
        unit = f" {self.unit}" if self.unit else ""
        figures = (f"{word}{unit}" for word in ("Gross", "Withheld", "Net", "Fees"))
        return (self.first, "Code", *figures, "Corrected late")

    def rows(self) -> Iterator[tuple[object, ...]]:
        for line in self.lines:
            one = line.income
            yield (line.name, line.code, one.gross, one.withheld, one.net, one.fees, "yes" if line.corrected else "")


class Correction(NamedTuple):
    late: Late
    symbol: str
    base_amount: object  # Decimal, or None without a rate


@dataclass(frozen=True, slots=True)
class IncomeView:
    total: Income
    unconverted: int  # payments without a rate, left out of all tables but the currencies'
    tables: list[Table]
    corrections: list[Correction]

    def correction_rows(self) -> Iterator[tuple[object, ...]]:
        for one, symbol, base_amount in self.corrections:
            told = (one.receipt.reported_on or one.receipt.on, one.receipt.on, one.concerns, symbol)
            kind = filters.type_words(one.receipt.kind)
            yield (*told, one.receipt.key, kind, one.receipt.amount, one.receipt.currency, base_amount)


def correction_head(base: str) -> tuple[str, ...]:
    told = ("Booked", "Day", "Belongs to", "Instrument", "Code", "Type", "Amount", "Currency")
    return (*told, f"Amount {base}")


def years(found: Received) -> list[int]:
    """Those in which something came, the newest first."""
    return sorted({one.month.year for one in found.months}, reverse=True)


def income_view(
    found: Received, instruments: Iterable[Instrument], rates: Rates, base: str, year: int | None
) -> IncomeView:
    """Of one year, or of all. A correction counts in the year of the day it bears."""
    months = [one for one in found.months if year is None or one.month.year == year]
    named = {name: one for (name, of), one in found.named.items() if year is None or of == year}
    if year is None:
        named = income.grouped((name, one) for (name, _), one in found.named.items())
    shown = [one for one in found.late if year in (None, one.concerns, one.known_in)]
    tardy = [one.receipt for one in shown if year is None or one.receipt.on.year == year]
    symbols = {one.isin or one.symbol: one.symbol for one in instruments}
    total = income.added(one.base for one in months)
    nameless = income.less(total, income.added(named.values()))
    by_name: dict[str | None, Income] = {None: nameless} if any(nameless) else {}
    by_name.update(named)

    def table(
        name: str, title: str, first: str, figures: Mapping[Any, Income], key: Name, words: Callable[[Any], Words]
    ) -> Table:
        marked = {key(one) for one in tardy}
        lines = [Line(*words(one), figure, one in marked) for one, figure in figures.items()]
        return Table(name, title, first, "" if name == "currency" else base, sorted(lines, key=_ORDER[name]))

    of_month = income.grouped((one.month, one.base) for one in months)
    of_country = income.grouped((_country_of(name), one) for name, one in by_name.items())
    of_currency = income.grouped((one.currency, one.own) for one in months)
    tables = [
        table("month", "By month", "Month", of_month, income.month, _month),
        table("instrument", "By instrument", "Instrument", by_name, _key, lambda key: _instrument(key, symbols)),
        table("country", "By country", "Country", of_country, _of_country, lambda code: (_country(code), code)),
        table("currency", "By currency", "Currency", of_currency, lambda one: one.currency, lambda code: (code, code)),
    ]
    if year is None:
        of_year = income.grouped((one.month.year, one.base) for one in months)
        by_year = table("year", "By year", "Year", of_year, lambda one: one.on.year, lambda one: (str(one), str(one)))
        tables.insert(0, by_year)
    return IncomeView(
        total=total,
        unconverted=sum(one.unconverted for one in months),
        tables=tables,
        corrections=[_correction(one, symbols, rates) for one in shown],
    )


def _key(one: Receipt) -> str | None:
    return one.key


def _of_country(one: Receipt) -> str:
    return _country_of(one.key)


def _newest(line: Line) -> tuple[int, ...]:
    return tuple(-int(part) for part in line.code.split("-"))


def _largest(line: Line) -> tuple[object, ...]:
    return (-line.income.net, line.name)


_ORDER: Mapping[str, Callable[[Line], tuple[object, ...]]] = {
    "year": _newest,
    "month": _newest,
    "instrument": _largest,
    "country": _largest,
    "currency": lambda line: (line.name,),
}


def _month(first: Hashable) -> tuple[str, str]:
    assert isinstance(first, date)
    return first.strftime("%b %Y"), first.strftime("%Y-%m")


def _instrument(key: Hashable, symbols: Mapping[str, str]) -> tuple[str, str]:
    """Its symbol and the ISIN where that is known."""
    if key is None:
        return UNNAMED, ""
    return symbols.get(str(key), str(key)), str(key)


def _country_of(name: str | None) -> str:
    """A country's code; empty without an instrument, "-" for one whose ISIN is not known."""
    return (countries.code(name) or "-") if name else ""


def _country(code: str) -> str:
    return {"": UNNAMED, "-": NO_ISIN}.get(code) or countries.name(code)


def _correction(one: Late, symbols: Mapping[str, str], rates: Rates) -> Correction:
    rate = rates(one.receipt.currency, one.receipt.on)
    base_amount = None if rate is None else converted(one.receipt.amount, rate)
    return Correction(one, _instrument(one.receipt.key, symbols)[0], base_amount)
