"""What was just done, told once on the page that comes next, with the way back or on."""

from __future__ import annotations

from typing import Any, TypedDict, cast

from flask import render_template, session, url_for
from markupsafe import Markup

from stonks.ledger.tables import Entry, ParkedRow
from stonks.web import filters

_KEY = "notice"  # in the session, which is signed: nothing secret


class Notice(TypedDict):
    portfolio: int
    what: str  # "Discarded"
    name: str  # of what that was done to
    more: str  # a sentence, or nothing
    action: str  # "Undo"
    address: str  # that it leads to
    back: str | None  # for a button, the page that its answer is; None for a link


def discarded(entry: Entry, what: str, back: str) -> Notice:
    """`back` is the page that an undo returns to."""
    stays = "It stays out when a statement brings it again."
    address = url_for("reviews.restore", portfolio_id=entry.portfolio_id, entry_id=entry.id)
    return _of_entry(entry, what, stays, "Undo", address, back)


def deleted(entry: Entry, typed: dict[str, Any]) -> Notice:
    """Of one that goes for good and can only be entered anew: `typed` is what its form held."""
    address = url_for("transactions.new", portfolio_id=entry.portfolio_id, **typed)
    return _of_entry(entry, "Deleted", "", "Enter it again", address)


def saved(entry: Entry, what: str) -> Notice:
    address = url_for("transactions.edit", portfolio_id=entry.portfolio_id, entry_id=entry.id)
    return _of_entry(entry, what, "", "Edit", address)


def ignored(row: ParkedRow) -> Notice:
    return {
        "portfolio": row.portfolio_id,
        "what": "Ignored",
        "name": f"line {row.line} of {row.section}",
        "more": "It is not shown when a statement brings it again.",
        "action": "Undo",
        "address": url_for("reviews.keep", portfolio_id=row.portfolio_id, problem_id=row.id),
        "back": "review",
    }


def remember(notice: Notice) -> None:
    session[_KEY] = notice


def notice(portfolio_id: int) -> Markup:
    """Empty when there is nothing to tell of this portfolio."""
    told = cast(Notice | None, session.get(_KEY))
    if told is None or told["portfolio"] != portfolio_id:
        return Markup("")
    del session[_KEY]
    return Markup(render_template("portfolio/_notice.html", notice=told))  # noqa: S704  (what a template made)


def _of_entry(entry: Entry, what: str, more: str, action: str, address: str, back: str | None = None) -> Notice:
    name = f"{filters.type_words(entry.type)} {entry.symbol or ''}".strip()
    return {
        "portfolio": entry.portfolio_id,
        "what": what,
        "name": f"{name}, {filters.day_text(entry.entry_date)}",
        "more": more,
        "action": action,
        "address": address,
        "back": back,
    }
