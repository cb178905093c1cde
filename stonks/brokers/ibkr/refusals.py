"""Why a file as a whole is refused, by name, and what to do instead. Nothing of a refused file is imported."""

from __future__ import annotations

from stonks.core.errors import StatementUnreadable

_FLEX = "In Client Portal, open Performance & Reports → Flex Queries"
_WORDS = {
    "empty": ("The file is empty.", "Check the query’s period and sections, and fetch it again."),
    "html": (
        "This is a web page, not a statement: IBKR’s service may be under maintenance.",
        "Fetch the statement again later.",
    ),
    "envelope": (
        "This is IBKR’s answer to a request, not a statement{detail}.",
        "Fetch the statement itself, or let the sync do it.",
    ),
    "activity-statement": (
        "This is an Activity Statement, which is another format than a Flex Query’s.",
        f"{_FLEX} and run an Activity Flex Query instead.",
    ),
    "trade-confirmation": (
        "This comes from a Trade Confirmation Flex Query, which holds unsettled confirmations.",
        f"{_FLEX} and make an Activity Flex Query instead.",
    ),
    "no-headers": (
        "The file has no column headers, so its columns can’t be told apart.",
        f"{_FLEX}, edit the query’s Delivery Configuration and set Include column headers to Yes.",
    ),
    "truncated": ("The file ends too early, after {detail}.", "Fetch it again; a broken download is the usual reason."),
    "malformed-xml": ("The file is not well-formed XML (at {detail}).", "Fetch it again, or choose CSV as the format."),
    "forbidden-xml": ("The file declares XML entities, which no statement does.", "Fetch it from IBKR again."),
    "not-a-statement": (
        "This is not a Flex statement.",
        f"{_FLEX} and take an Activity Flex Query, as CSV or XML; what it gives is read as it comes.",
    ),
    "binary": (
        "This is not text, so it is no Flex statement.",
        "Only a CSV or XML file can be read, as IBKR delivers it.",
    ),
    "utf-16": (
        "The file is UTF-16, as spreadsheets save “Unicode text”; statements are not.",
        "Upload the file as IBKR delivers it, unopened.",
    ),
    "too-large": ("The file is larger than can be read at once.", "Ask for a shorter period, in several files."),
}


def refuse(reason: str, detail: str = "") -> StatementUnreadable:
    """The error for `reason`; `detail` fills in where, or what IBKR said."""
    happened, remedy = _WORDS[reason]
    return StatementUnreadable(reason, f"{happened.format(detail=detail)} Nothing was imported. {remedy}")
