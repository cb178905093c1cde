"""One cell of a row: blank or text, an identifier, a currency, a number. ValueErrors carry the sentence shown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from stonks.core.fingerprint import plain

_MANGLED = re.compile(r"\d(?:[.,]\d+)?E\+?\d+", re.IGNORECASE)
_FLOATED = re.compile(r"(\d{1,15})\.0+")  # an identifier that a script took for a number, with no digit lost yet
# More digits than any real number has, and few enough to reckon with.
NUMBER = re.compile(r"[+-]?(?:\d{1,18}(?:\.\d{0,40})?|\.\d{1,40})")
_SURELY_NUMBER = 19  # characters: so few are never too many digits
_NO_ZERO = frozenset("123456789")  # a number that begins and ends so is spelled as identities spell it
BLANKS = frozenset({"", "-", "--", "N/A"})
# Longer than any real one, and than what the ledger takes: such a row is parked, not the import failed.
_LONGEST = {
    "symbol": 64, "isin": 20, "securityid": 64, "tradeid": 64, "transactionid": 64, "origtradeid": 64, "actionid": 64,
    "clientaccountid": 64, "accountid": 64, "underlyingsymbol": 64, "assetclass": 10, "assetcategory": 10,
    "ibcommissioncurrency": 12, "commissioncurrency": 12,
}  # fmt: skip


def check_lengths(cells: dict[str, str]) -> None:
    """Raises ValueError for a name or identifier that is longer than any real one."""
    for name in _LONGEST.keys() & cells.keys():
        _check_length(name, cells[name])


def text_of(cells: dict[str, str], name: str) -> str:
    """ "" for what IBKR writes where there is nothing."""
    return clean(cells.get(name, ""))


def clean(text: str) -> str:
    """A cell's text trimmed; "" for what IBKR writes where there is nothing."""
    text = text.strip()
    return "" if text in BLANKS else text


def account_of(cells: dict[str, str]) -> str | None:
    return text_of(cells, "clientaccountid") or text_of(cells, "accountid") or None


def isin_of(cells: dict[str, str]) -> str:
    """ "" where none is told. A query without the field ISIN may tell it as the security’s ID, with that one’s type."""
    elsewhere = "isin" not in cells and text_of(cells, "securityidtype").upper() == "ISIN"
    return text_of(cells, "securityid" if elsewhere else "isin")


def identifier_of(cells: dict[str, str], name: str) -> str | None:
    return identifier(cells.get(name, ""), name)


def identifier(text: str, name: str) -> str | None:
    """The identifier that a cell of the column `name` holds; None where it is empty or masked."""
    text = clean(text)
    if text and (text.startswith("=") or _MANGLED.fullmatch(text)):
        raise ValueError(
            f"The identifier “{text}” was changed by a spreadsheet. Upload the file as IBKR delivers it, unopened."
        )
    if floated := _FLOATED.fullmatch(text):
        text = floated[1]
    _check_length(name, text)
    return None if text == "REDACTED" else text or None


def identifiers(texts: Sequence[str], name: str) -> Sequence[str | None]:
    """The identifiers of a column's cells: digits alone nearly always."""
    if all(texts) and "".join(texts).isdecimal() and max(map(len, texts)) <= _LONGEST[name]:
        return texts
    return [identifier(text, name) for text in texts]


def currency_of(cells: dict[str, str]) -> str:
    text = text_of(cells, "currencyprimary") or text_of(cells, "currency")
    if not text:
        raise ValueError("The row has no currency. Add the field Currency to the query.")
    if not (2 <= len(text) <= 12 and text.isalpha()):
        raise ValueError(f"“{text}” is not a currency.")
    return text


def number_of(cells: dict[str, str], name: str, shown: str) -> Decimal:
    """`shown`: the field's name as a person knows it."""
    return number(cells.get(name, ""), shown)


def number_or_none(cells: dict[str, str], name: str, shown: str) -> Decimal | None:
    return decimal_or_none(cells.get(name, ""), shown)


def number(text: str, shown: str) -> Decimal:
    """What a cell holds that must hold a number."""
    found = decimal_or_none(text, shown)
    if found is None:
        raise ValueError(f"The field {shown} is empty or missing.")
    return found


def decimal_or_none(text: str, shown: str) -> Decimal | None:
    text = clean(text)
    if not text:
        return None
    if not NUMBER.fullmatch(text):
        raise ValueError(
            f"{shown} is “{text}”, which is not a plain number. Upload the file as IBKR delivers it, unopened."
        )
    return Decimal(text)


def spelled_numbers(texts: Sequence[str], shown: str) -> tuple[list[Decimal], Sequence[str]]:
    """The numbers of a column's cells, and as identities spell them: nearly always nearly as the cells do."""
    together = "".join(texts)
    digits = together.replace(".", "")
    plain_digits = together.isascii() and digits.isdecimal()
    if plain_digits and all(texts) and max(map(len, texts)) < _SURELY_NUMBER:
        try:
            values = list(map(Decimal, texts))
        except InvalidOperation:  # two points in one of them
            values = [number(text, shown) for text in texts]
        else:
            if len(together) - len(digits) == len(texts) and (spelled := _without_zeros(texts)):
                return values, spelled
    else:
        values = [number(text, shown) for text in texts]
    spelled = [
        text if text[:1] in _NO_ZERO and text[-1:] in _NO_ZERO else plain(value)
        for text, value in zip(texts, values, strict=True)
    ]
    return values, spelled


def _without_zeros(texts: Sequence[str]) -> Sequence[str] | None:
    """The same digits, each with a point among them, without the zeros behind it; None if one has too few or too many
    zeros before it. Together, which is several times as fast as one by one."""
    row = f"|{'|'.join(texts)}|"
    if "|." in row or row.count("|0") != row.count("|0."):
        return None
    if "0|" not in row and ".|" not in row:
        return texts
    while "0|" in row:
        row = row.replace("0|", "|")
    return row.replace(".|", "|")[1:-1].split("|")


def _check_length(name: str, text: str) -> None:
    if len(text) > _LONGEST[name]:
        raise ValueError(f"The field {name} has more than {_LONGEST[name]} characters, which no real one has.")
