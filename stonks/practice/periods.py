"""The days that a request asks for, and a statement cut to them: what the real service does when it makes one."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import date, datetime, timedelta

MOST_DAYS = 365
# Of a section's columns the first of these says which day a row belongs to: a correction belongs to its report.
_DAY_COLUMNS = ("TradeDate", "ReportDate", "Date/Time")
_DAY = timedelta(days=1)


def asked(parameters: Mapping[str, str], today: date) -> tuple[date, date] | str | None:
    """First and last day; None when the request leaves them to the query; a code when it is refused: 1003 for days that
    can't be asked for or hold no business day, 1004 for a day whose books are still open."""
    if "fd" in parameters or "td" in parameters:
        try:
            first, last = (datetime.strptime(parameters[name], "%Y%m%d").date() for name in ("fd", "td"))
        except (KeyError, ValueError):
            return "1003"
        if last >= today:
            return "1004"
        days = [first + number * _DAY for number in range((last - first).days + 1)]
        oldest = today - MOST_DAYS * _DAY
        return (first, last) if first >= oldest and any(day.weekday() < 5 for day in days) else "1003"
    if "p" in parameters:
        number = parameters["p"]
        if not (number.isdigit() and 1 <= int(number) <= MOST_DAYS):
            return "1003"
        return today - int(number) * _DAY, today - _DAY
    return None


def cut(body: bytes, first: date, last: date) -> bytes:
    """A CSV statement without the rows of other days; a header record that states a period states this one."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    column: int | None = None
    for row in csv.reader(io.StringIO(body.decode())):
        named = next((name for name in _DAY_COLUMNS if name in row), None)
        if named is not None:
            column = row.index(named)
        elif row and row[0] == "BOF":
            row[4:6] = f"{first:%Y%m%d}", f"{last:%Y%m%d}"
        elif row and row[0] in ("BOA", "BOS", "EOS", "EOA", "EOF"):
            column = None if row[0] == "BOS" else column
        elif column is not None and not f"{first:%Y%m%d}" <= row[column][:8] <= f"{last:%Y%m%d}":
            continue
        writer.writerow(row)
    return text.getvalue().encode()
