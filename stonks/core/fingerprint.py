"""One identity for a row, whoever brought it: SHA-1 over its normalised facts.

Only facts from the guide's minimal field list enter, so that sync and upload, CSV and XML, narrow and wide queries
agree. Commission stays out: a later correction of it amends the same row. Equal rows of one file are told apart by
their occurrence number (0-based, in order of the file).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from hashlib import sha1

from stonks.core.seen import Seen

VERSION = "v1"
CANCELLED = " (Ca.)"  # behind the side of a trade that takes another back


def plain(number: Decimal) -> str:
    """The one spelling of a number: no exponent, no padding zeros, no negative zero."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def trade_identity(
    broker: str,
    external_id: str | None,
    side: str,
    cancels: bool,
    quantity: Decimal,
    price: Decimal,
    traded_on: date,
    instrument: str,
    currency: str,
) -> str:
    """The text that names a trade or conversion. `instrument` is the ISIN, else the symbol."""
    deed = f"{side}{CANCELLED}" if cancels else side
    facts = [deed], [plain(quantity)], [plain(price)], [traded_on.isoformat()], [instrument], [currency]
    return spelled_trade_identities(broker, [external_id], *facts)[0]


def spelled_trade_identities(
    broker: str,
    external_ids: Sequence[str | None],
    deeds: Sequence[str],
    quantities: Sequence[str],
    prices: Sequence[str],
    days: Sequence[str],
    instruments: Sequence[str],
    currencies: Sequence[str],
) -> list[str]:
    """The same of many, by columns of facts that are spelled already: the side with CANCELLED, plain numbers, ISO
    days."""
    start = f"{VERSION}|{broker}|trade"
    told_ids = [external_id or "" for external_id in external_ids]
    columns = [start] * len(deeds), told_ids, deeds, quantities, prices, days
    identities = list(map("|".join, zip(*columns, strict=True)))
    if all(told_ids):
        return identities
    return [
        identity if external_id else f"{identity}|{instrument.upper()}|{currency}"
        for identity, external_id, instrument, currency in zip(
            identities, external_ids, instruments, currencies, strict=True
        )
    ]


def cash_identity(
    broker: str, external_id: str | None, type_name: str, amount: Decimal, paid_on: date, instrument: str, currency: str
) -> str:
    """The text that names a cash transaction. `type_name` is the broker's type, letters and digits only, lower case."""
    return spelled_cash_identity(
        broker, external_id, type_name, plain(amount), paid_on.isoformat(), instrument, currency
    )


def spelled_cash_identity(
    broker: str, external_id: str | None, type_name: str, amount: str, day: str, instrument: str, currency: str
) -> str:
    """The same with the amount and the day spelled already: plain, and ISO."""
    if external_id:
        return f"{VERSION}|{broker}|cash|{external_id}|{type_name}|{amount}|{currency}"
    return f"{VERSION}|{broker}|cash||{type_name}|{amount}|{currency}|{day}|{instrument.upper()}"


def other_identity(broker: str, kind: str, *facts: str) -> str:
    """The text that names anything else; `facts` already normalised, in a fixed order."""
    return "|".join((VERSION, broker, kind, *facts))


def fingerprint(identity: str, occurrence: int) -> bytes:
    """20 bytes. `occurrence` counts equal identities within one file from 0."""
    return sha1(f"{identity}|{occurrence}".encode(), usedforsecurity=False).digest()


class Fingerprints:
    """The fingerprints of one file's rows, in its order: counts the occurrences of equal identities.

    A million identities may pass, so eight bytes of each one are kept, and a counter for repeated ones only. Two of a
    million sharing eight bytes has a chance of 1 in 30 million.
    """

    def __init__(self) -> None:
        self._seen = Seen()
        self._repeated: Counter[int] = Counter()

    def close(self) -> None:
        """Lets go of what was seen: 16 MB of a million rows, for which the garbage collector may take its time."""
        self._seen = Seen()

    def of(self, identity: str) -> bytes:
        """The same as `fingerprint` of `identity` and the number of times it was asked for before."""
        return self.of_all([identity])[0]

    def of_all(self, identities: Sequence[str]) -> list[bytes]:
        """The same of each, one after the other."""
        spelled = ("|0\n".join(identities) + "|0").encode().split(b"\n")
        if len(spelled) != len(identities):  # there is a line break in one of them
            spelled = [f"{identity}|0".encode() for identity in identities]
        marks = [sha1(text).digest() for text in spelled]  # noqa: S324
        keys = list(map(hash, marks))
        for place in self._seen.again(keys):
            self._repeated[keys[place]] += 1
            marks[place] = fingerprint(identities[place], self._repeated[keys[place]])
        return marks
