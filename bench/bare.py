"""The least that any program could do to let a statement into the ledger's table: csv.reader, sha1 and sqlite3's
executemany, with the same indexes. It trusts every cell, compares nothing and keeps no digests.
"""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Callable, Iterator
from hashlib import sha1
from itertools import islice
from pathlib import Path
from typing import Any


def bare_rows(path: Path) -> Iterator[tuple[Any, ...]]:
    """The statement's rows as a program writes them that trusts every cell."""
    with path.open(newline="") as file:
        section: list[str] = []
        for cells in csv.reader(file):
            if cells[0] == "Symbol":
                section = cells
                continue
            row = dict(zip(section, cells, strict=True))
            digest = sha1("|".join(cells).encode(), usedforsecurity=False).digest()
            day = row.get("TradeDate") or row["Date/Time"]
            yield (
                *(1, "sync", digest, "TRADE" if "TradeID" in row else "CASH", row.get("Buy/Sell") or row["Type"]),
                *(f"{day[:4]}-{day[4:6]}-{day[6:8]}", row["Symbol"], row["ISIN"], row["CurrencyPrimary"]),
                *(row.get("Quantity"), row.get("TradePrice"), row.get("Amount"), row.get("IBCommission"), 0),
                *(row.get("TradeID") or row["TransactionID"], "2025-11-20 06:00:00.000000"),
            )


BARE = (
    "INSERT OR IGNORE INTO entries (portfolio_id, origin, fingerprint, kind, type, entry_date, symbol, isin, currency, "
    "quantity, price, amount, commission, cancels, external_id, created_at) VALUES "
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def bare_first(statement: Path, database: str) -> Callable[[], None]:
    connection = sqlite3.connect(database.removeprefix("sqlite:///"))
    connection.execute("PRAGMA cache_size = -65536")

    def work() -> None:
        with connection:
            connection.executemany(BARE, bare_rows(statement))

    return work


def bare_again(statement: Path, database: str) -> Callable[[], None]:
    connection = sqlite3.connect(database.removeprefix("sqlite:///"))

    def work() -> None:
        query = "SELECT fingerprint FROM entries WHERE portfolio_id = 1"
        known = {digest for (digest,) in connection.execute(query)}
        rows = (row for row in bare_rows(statement) if row[2] not in known)
        while part := list(islice(rows, 1_000)):
            connection.executemany(BARE, part)

    return work
