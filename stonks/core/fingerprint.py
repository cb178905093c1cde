"""One identity for a row, whoever brought it: SHA-1 over its normalised facts.

Only facts from the guide's minimal field list enter, so that sync and upload, CSV and XML, narrow and wide queries
agree. Commission stays out: a later correction of it amends the same row. Equal rows of one file are told apart by
their occurrence number (0-based, in order of the file).
"""

from __future__ import annotations

from array import array
from datetime import date
from decimal import Decimal
from hashlib import sha1

VERSION = "v1"


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
    facts = f"{side}{' (Ca.)' if cancels else ''}|{plain(quantity)}|{plain(price)}|{traded_on.isoformat()}"
    if external_id:
        return f"{VERSION}|{broker}|trade|{external_id}|{facts}"
    return f"{VERSION}|{broker}|trade||{facts}|{instrument.upper()}|{currency}"


def cash_identity(
    broker: str, external_id: str | None, type_name: str, amount: Decimal, paid_on: date, instrument: str, currency: str
) -> str:
    """The text that names a cash transaction. `type_name` is the broker's type, letters and digits only, lower case."""
    if external_id:
        return f"{VERSION}|{broker}|cash|{external_id}|{type_name}|{plain(amount)}|{currency}"
    return f"{VERSION}|{broker}|cash||{type_name}|{plain(amount)}|{currency}|{paid_on.isoformat()}|{instrument.upper()}"


def other_identity(broker: str, kind: str, *facts: str) -> str:
    """The text that names anything else; `facts` already normalised, in a fixed order."""
    return "|".join((VERSION, broker, kind, *facts))


def fingerprint(identity: str, occurrence: int) -> bytes:
    """20 bytes. `occurrence` counts equal identities within one file from 0."""
    return sha1(f"{identity}|{occurrence}".encode(), usedforsecurity=False).digest()


class Fingerprints:
    """The fingerprints of one file's rows, in its order: counts the occurrences of equal identities.

    A million identities may pass, so eight bytes of each one's digest are kept in a flat table, and a counter for
    repeated ones only. Two of a million sharing eight bytes has a chance of 1 in 30 million.
    """

    def __init__(self) -> None:
        self._table = array("Q", bytes(8 * 1024))
        self._mask = 1023
        self._free = 682
        self._repeated: dict[int, int] = {}

    def of(self, identity: str) -> bytes:
        """The same as `fingerprint` of `identity` and the number of times it was asked for before."""
        digest = sha1(identity.encode(), usedforsecurity=False)
        occurrence = self._count(int.from_bytes(digest.digest()[:8], "big") or 1)
        digest.update(f"|{occurrence}".encode())
        return digest.digest()

    def _count(self, key: int) -> int:
        table, mask = self._table, self._mask
        slot = key & mask
        while found := table[slot]:
            if found == key:
                count = self._repeated[key] = self._repeated.get(key, 0) + 1
                return count
            slot = (slot + 1) & mask
        table[slot] = key
        self._free -= 1
        if not self._free:
            self._grow()
        return 0

    def _grow(self) -> None:
        old = self._table
        size = 2 * len(old)
        mask = self._mask = size - 1
        table = self._table = array("Q", [0]) * size
        for key in old:
            if key:
                slot = key & mask
                while table[slot]:
                    slot = (slot + 1) & mask
                table[slot] = key
        self._free = size * 2 // 3 - len(old) * 2 // 3
