"""What was just deleted or discarded, told once on the page that comes next, with the way back."""

from __future__ import annotations

from typing import Any

from flask import render_template, session, url_for
from markupsafe import Markup

from stonks.ledger.tables import Entry
from stonks.web import filters

_KEY = "undo"  # in the session, which is signed: nothing secret


Told = dict[str, Any]


def told_of(entry: Entry, what: str, back: str, again: dict[str, str] | None = None) -> Told:
    """To be made while the entry is there. `what` is done to it, `back` the page that an undo returns to. `again`: its
    form's values, of one that goes for good and can only be entered anew."""
    name = f"{filters.type_words(entry.type)} {entry.symbol or ''}".strip()
    return {
        "portfolio": entry.portfolio_id,
        "entry": None if again else entry.id,
        "what": what,
        "name": f"{name}, {filters.day_text(entry.entry_date)}",
        "back": back,
        "again": again,
    }


def remember(told: Told) -> None:
    session[_KEY] = told


def notice(portfolio_id: int) -> Markup:
    """Empty when there is nothing to tell of this portfolio."""
    done = session.get(_KEY)
    if done is None or done["portfolio"] != portfolio_id:
        return Markup("")
    del session[_KEY]
    again = done["again"] and url_for("transactions.new", portfolio_id=portfolio_id, **done["again"])
    told = render_template("transactions/_undo.html", portfolio_id=portfolio_id, done=done, again=again)
    return Markup(told)  # noqa: S704  (what a template made)
