"""A person's CSV of prices: columns found by name, each row a price or a sentence that says what is wrong with it."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from stonks.core.days import is_possible
from stonks.core.errors import StonksError
from stonks.core.typed import parse_number
from stonks.portfolio.valuation import Instrument

MOST_ROWS = 200_000
_NAMES = {
    "date": ("date", "day", "pricedate", "asof"),
    "isin": ("isin",),
    "symbol": ("symbol", "ticker"),
    "price": ("price", "close", "closingprice", "nav", "last"),
    "currency": ("currency", "currencyprimary", "ccy"),
}
_TOMORROW = timedelta(days=1)  # where the sun rises first it may be tomorrow already
_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_NOTHING = "Nothing was saved."


class PricesUnreadable(StonksError):
    """The file as a whole can't be read; nothing of it was saved."""


class RowRefused(NamedTuple):
    line: int
    why: str  # a sentence


@dataclass(slots=True)
class PriceFile:
    """What a file says about the instruments of one portfolio."""

    quotes: dict[tuple[str, date], Decimal] = field(default_factory=dict)
    refused: list[RowRefused] = field(default_factory=list)
    elsewhere: Counter[str] = field(default_factory=Counter)  # rows of what is not in the portfolio, by name
    rows: int = 0


class _Row(NamedTuple):
    line: int
    cells: dict[str, str]


def read_prices(content: bytes, instruments: Iterable[Instrument], today: date) -> PriceFile:
    """Of a day told twice the later row counts. Raises PricesUnreadable."""
    rows = list(_rows(content))
    if not rows:
        raise PricesUnreadable(f"There are no prices in the file. {_NOTHING}")
    day_first = _day_first(rows)
    listings = _Listings(instruments)
    found = PriceFile()
    for row in rows:
        found.rows += 1
        try:
            on = _day(row.cells["date"], day_first, today)
            price = _price(row.cells["price"])
            key = listings.key(row.cells)
        except ValueError as refusal:
            found.refused.append(RowRefused(row.line, str(refusal)))
            continue
        if key is None:
            found.elsewhere[row.cells.get("symbol") or row.cells["isin"]] += 1
        else:
            found.quotes[key, on] = price
    return found


class _Listings:
    """Which instrument of the portfolio a row means: by ISIN, else by symbol, and the currency."""

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self._keys: dict[tuple[str, str], set[str]] = {}
        self._isins: dict[str, str | None] = {}
        for one in instruments:
            self._isins[one.key] = one.isin
            for name in {one.isin, one.symbol} - {None}:
                self._keys.setdefault((str(name).upper(), one.currency), set()).add(one.key)

    def key(self, cells: dict[str, str]) -> str | None:
        """None: the portfolio has none such. Raises ValueError."""
        currency = cells["currency"].upper()
        if not (3 <= len(currency) <= 12 and currency.isascii() and currency.isalpha()):
            raise ValueError(f"“{cells['currency']}” is no currency." if currency else "The currency is missing.")
        isin, symbol = cells.get("isin", "").upper(), cells.get("symbol", "").upper()
        if not isin and not symbol:
            raise ValueError("It names no instrument: both symbol and ISIN are empty.")
        keys = self._keys.get((isin, currency)) if isin else None
        if keys is None:
            # Another ISIN than the instrument's is another instrument, whatever its symbol.
            named = self._keys.get((symbol, currency), set())
            keys = {key for key in named if not isin or self._isins[key] is None}
        if len(keys) > 1:
            raise ValueError(f"{symbol} in {currency} means more than one instrument here. Tell its ISIN.")
        return next(iter(keys), None)


def _rows(content: bytes) -> Iterator[_Row]:
    """The data rows with the cells that matter, by our names."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    if "\x00" in text or text.lstrip()[:1] in ("<", "{", "["):
        raise PricesUnreadable(f"This is no CSV file. {_NOTHING} Save the prices as CSV, with a line of column names.")
    header, _, _ = text.lstrip().partition("\n")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t|", key=header.count), strict=True)
    columns: dict[str, int] | None = None
    count = 0
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if columns is None:
                columns = _columns(cells)
                continue
            count += 1
            if count > MOST_ROWS:
                raise PricesUnreadable(f"The file has more than {MOST_ROWS} rows. {_NOTHING} Upload it in parts.")
            yield _Row(
                reader.line_num,
                {name: cells[place].strip() if place < len(cells) else "" for name, place in columns.items()},
            )
    except csv.Error:
        raise PricesUnreadable(f"Line {reader.line_num} of the file is broken. {_NOTHING}") from None


def _columns(header: list[str]) -> dict[str, int]:
    plain = ["".join(letter for letter in cell.lower() if letter.isalnum()) for cell in header]
    found = {
        ours: next(plain.index(name) for name in names if name in plain)
        for ours, names in _NAMES.items()
        if set(names) & set(plain)
    }
    missing = [name for name in ("date", "price", "currency") if name not in found]
    if "isin" not in found and "symbol" not in found:
        missing.insert(1 if "date" in missing else 0, "symbol or ISIN")
    if missing:
        raise PricesUnreadable(
            f"The first line names no column for {', '.join(missing)}. {_NOTHING} It takes the columns date, symbol or "
            "ISIN, price and currency, in any order."
        )
    return found


def _day_first(rows: list[_Row]) -> bool:
    """How dates with slashes are meant, told by those that can be read in one way only. Raises PricesUnreadable."""
    parts = [found.groups() for row in rows if (found := _SLASHED.fullmatch(row.cells["date"]))]
    day_first = any(int(first) > 12 for first, _second, _year in parts)
    month_first = any(int(second) > 12 for _first, second, _year in parts)
    if parts and day_first == month_first:
        raise PricesUnreadable(
            f"Dates like {'/'.join(parts[0])} can be meant day or month first, and nothing in the file settles it. "
            f"{_NOTHING} Write them as 2026-11-20."
        )
    return day_first


def _day(text: str, day_first: bool, today: date) -> date:
    slashed, dotted = _SLASHED.fullmatch(text), _DOTTED.fullmatch(text)
    try:
        if slashed or dotted:
            first, second, year = (int(part) for part in (slashed or dotted).groups())  # type: ignore[union-attr]
            on = date(year, second, first) if dotted or day_first else date(year, first, second)
        else:
            on = date.fromisoformat(text[:10] if text[4:5] == "-" else text)
    except ValueError:
        raise ValueError(f"“{text}” is no date. Write it as 2026-11-20.") from None
    if not is_possible(on):
        raise ValueError(f"{on.isoformat()} is not a day on which anything is traded.")
    if on > today + _TOMORROW:
        raise ValueError(f"{on.isoformat()} is yet to come.")
    return on


def _price(text: str) -> Decimal:
    price = parse_number(text)
    if price < 0:
        raise ValueError("A price is not negative.")
    return price
