"""Income as tables by year, month, instrument, country and currency: one value for the page and for its CSV files."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from stonks.ledger.folding import Folding
from stonks.portfolio import countries, income
from stonks.portfolio.income import Income, Receipt
from stonks.portfolio.late import Late, late
from stonks.portfolio.overview import in_base
from stonks.portfolio.valuation import Rates, converted
from stonks.web import filters

UNNAMED = "Without an instrument"
NO_ISIN = "Without an ISIN"

Name = Callable[[Receipt], Hashable]


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


def years(found: Folding) -> list[int]:
    """Those in which something came, the newest first."""
    return sorted({one.on.year for one in found.receipts if one.kind in income.COUNTED}, reverse=True)


def income_view(found: Folding, rates: Rates, base: str, year: int | None) -> IncomeView:
    """Of one year, or of all. A correction counts in the year of the day it bears."""
    counted = [one for one in found.receipts if one.kind in income.COUNTED]
    mine = [one for one in counted if year is None or one.on.year == year]
    changed = late(counted)
    shown = [one for one in changed if year in (None, one.concerns, one.known_in)]
    here = in_base(mine, rates)
    tardy = {one.receipt.entry_id for one in shown}
    symbols = {one.isin or one.symbol: one.symbol for one in found.instruments.values()}

    def table(name: str, title: str, first: str, key: Name, words: Callable[[Hashable], tuple[str, str]]) -> Table:
        unit, receipts = (base, here) if name != "currency" else ("", mine)
        marked = {key(one) for one in receipts if one.entry_id in tardy}
        lines = [Line(*words(one), figures, one in marked) for one, figures in income.by(receipts, key).items()]
        return Table(name, title, first, unit, sorted(lines, key=_ORDER[name]))

    tables = [
        table("month", "By month", "Month", income.month, _month),
        table("instrument", "By instrument", "Instrument", lambda one: one.key, lambda key: _instrument(key, symbols)),
        table("country", "By country", "Country", _country_of, lambda code: (_country(str(code)), str(code))),
        table("currency", "By currency", "Currency", lambda one: one.currency, lambda code: (str(code), str(code))),
    ]
    if year is None:
        by_year = table("year", "By year", "Year", lambda one: one.on.year, lambda one: (str(one), str(one)))
        tables.insert(0, by_year)
    return IncomeView(
        total=income.total(here),
        unconverted=len(mine) - len(here),
        tables=tables,
        corrections=[_correction(one, symbols, rates) for one in shown],
    )


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


def _country_of(one: Receipt) -> str:
    """A country's code; empty without an instrument, "-" for one whose ISIN is not known."""
    return (countries.code(one.key) or "-") if one.key else ""


def _country(code: str) -> str:
    return {"": UNNAMED, "-": NO_ISIN}.get(code) or countries.name(code)


def _correction(one: Late, symbols: Mapping[str, str], rates: Rates) -> Correction:
    rate = rates(one.receipt.currency, one.receipt.on)
    base_amount = None if rate is None else converted(one.receipt.amount, rate)
    return Correction(one, _instrument(one.receipt.key, symbols)[0], base_amount)
