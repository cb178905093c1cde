"""One cell of a row: blank or text, an identifier, a currency, a number. ValueErrors carry the sentence shown."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

_MANGLED = re.compile(r"\d(?:[.,]\d+)?E\+?\d+", re.IGNORECASE)
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)")
BLANKS = frozenset({"", "-", "--", "N/A"})
# Longer than any real one, and than what the ledger takes: such a row is parked, not the import failed.
_LONGEST = {
    "symbol": 64, "isin": 20, "tradeid": 64, "transactionid": 64, "origtradeid": 64, "actionid": 64,
    "clientaccountid": 64, "accountid": 64, "underlyingsymbol": 64, "assetclass": 10, "assetcategory": 10,
    "ibcommissioncurrency": 12, "commissioncurrency": 12,
}  # fmt: skip


def check_lengths(cells: dict[str, str]) -> None:
    """Raises ValueError for a name or identifier that is longer than any real one."""
    for name, longest in _LONGEST.items():
        if len(cells.get(name, "")) > longest:
            raise ValueError(f"The field {name} has more than {longest} characters, which no real one has.")


def text_of(cells: dict[str, str], name: str) -> str:
    """ "" for what IBKR writes where there is nothing."""
    text = cells.get(name, "")
    return "" if text in BLANKS else text


def any_of(cells: dict[str, str], *names: str) -> bool:
    return any(text_of(cells, name) for name in names)


def account_of(cells: dict[str, str]) -> str | None:
    return text_of(cells, "clientaccountid") or text_of(cells, "accountid") or None


def identifier_of(cells: dict[str, str], name: str) -> str | None:
    text = text_of(cells, name)
    if text and _MANGLED.fullmatch(text):
        raise ValueError(
            f"The identifier “{text}” was changed by a spreadsheet. Upload the file as IBKR delivers it, unopened."
        )
    return None if text == "REDACTED" else text or None


def currency_of(cells: dict[str, str]) -> str:
    text = text_of(cells, "currencyprimary") or text_of(cells, "currency")
    if not text:
        raise ValueError("The row has no currency. Add the field Currency to the query.")
    if not (2 <= len(text) <= 12 and text.isalpha()):
        raise ValueError(f"“{text}” is not a currency.")
    return text


def number_of(cells: dict[str, str], name: str, shown: str) -> Decimal:
    """`shown`: the field's name as a person knows it."""
    found = number_or_none(cells, name, shown)
    if found is None:
        raise ValueError(f"The field {shown} is empty or missing.")
    return found


def number_or_none(cells: dict[str, str], name: str, shown: str) -> Decimal | None:
    text = text_of(cells, name)
    if not text:
        return None
    if not NUMBER.fullmatch(text):
        raise ValueError(f"{shown} is “{text}”, which is not a plain number.")
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{shown} is “{text}”, which is not a plain number.") from None
