"""A table as a CSV file that spreadsheets open."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from flask import Response


def answer(name: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """Every digit there is, so that sums agree with the page's; words that a spreadsheet would run are defused."""
    body = io.StringIO()
    writer = csv.writer(body)
    writer.writerow(head)
    writer.writerows([_cell(value) for value in row] for row in rows)
    found = Response("\ufeff" + body.getvalue(), mimetype="text/csv")
    found.headers["Content-Disposition"] = f'attachment; filename="stonksfolio-{name}.csv"'
    return found


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        text = format(value, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, date):
        return value.isoformat()
    text = str(value)
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
