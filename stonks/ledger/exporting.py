"""The ledger as a CSV of our own, and reading one back. Every fact is in it and so is the fingerprint: uploaded to the
same portfolio it adds nothing, uploaded to an empty one it restores everything."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any, BinaryIO, cast

from stonks.brokers.contract import Broker
from stonks.core.records import Reading
from stonks.ledger import entries, own_export
from stonks.ledger.own_export import COLUMNS, defused
from stonks.ledger.tables import Entry

__all__ = ["export_csv", "is_own", "open_upload"]


def export_csv(portfolio_id: int) -> Iterator[str]:
    """Lines of CSV, oldest entry first, header included; CRLF ends each. Discarded entries are not among them."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for entry in entries.all_for_folding(portfolio_id):
        writer.writerow([_cell(entry, column) for column in COLUMNS])
        if buffer.tell() > 32_768:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def open_upload(
    broker: Broker, source: BinaryIO, *, currency: str | None = None, day_first: bool | None = None
) -> Reading:
    """The reading of an uploaded file: our own export by its header, else a statement of the broker's."""
    if is_own(source):
        return cast(Reading, own_export.OwnExportReading(source, currency))
    return broker.read(source, currency=currency, day_first=day_first)


def is_own(source: BinaryIO) -> bool:
    """Whether a file is our own export. Reads from where it stands, and puts it to its start."""
    start = source.read(4_096)
    source.seek(0)
    return own_export.recognised(start)


def _cell(entry: Entry, column: str) -> str:
    value: Any = getattr(entry, own_export.ATTRIBUTES.get(column, column))
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, date | datetime):
        return value.isoformat()
    return defused(str(value))
