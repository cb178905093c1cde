"""All that is held, and on request what once was: sorted by any column, filtered by text, a hundred to a page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required
from markupsafe import Markup

from stonks.ledger import figures
from stonks.ledger.figures import Holding
from stonks.ledger.tables import Portfolio
from stonks.portfolio.lots import ZERO
from stonks.services import services
from stonks.web import csv_file, filters, frame, paging
from stonks.web.pages import portfolio_page

blueprint = Blueprint("holdings", __name__)

PAGE_SIZE = 100
DEFAULT = "-value"
LONGEST_TEXT = 100

# Name in the address -> heading, and what is compared; None sorts last either way.
COLUMNS: dict[str, tuple[str, Callable[[Holding], Any]]] = {
    "symbol": ("Instrument", lambda one: one.valued.instrument.symbol.upper()),
    "quantity": ("Quantity", lambda one: one.valued.quantity),
    "average": ("Average cost", lambda one: one.valued.average_cost if one.is_open else None),
    "cost": ("Cost", lambda one: one.valued.cost_base if one.is_open else None),
    "price": ("Last price", lambda one: one.valued.price and one.valued.price.price),
    "day": ("Price of", lambda one: one.valued.price and one.valued.price.on),
    "value": ("Value", lambda one: one.valued.value_base if one.is_open else None),
    "gain": ("Unrealised gain", lambda one: one.valued.gain_base if one.is_open else None),
    "share": ("Share", lambda one: one.valued.value_base if one.is_open else None),
    "income": ("Income", lambda one: one.income),
}
SPARE = {"average", "day", "income"}


@dataclass(frozen=True, slots=True)
class Head:
    words: str
    address: str
    order: str  # "ascending", "descending" or ""
    is_text: bool
    is_spare: bool  # first to go where there is little room


@dataclass(frozen=True, slots=True)
class Totals:
    """Of everything that matches, known or left out."""

    value: Decimal
    cost: Decimal  # of those holdings that have a gain
    gain: Decimal
    income: Decimal
    unvalued: int
    whole: Decimal  # the value of all holdings, which shares are of


@blueprint.get("/portfolios/<int:portfolio_id>/holdings")
@login_required
def index(portfolio_id: int) -> ResponseReturnValue:
    page = portfolio_page(portfolio_id)
    text = request.args.get("q", "").strip()[:LONGEST_TEXT]
    closed = request.args.get("closed") == "1"
    sort = request.args.get("sort", DEFAULT)
    if sort.removeprefix("-") not in COLUMNS:
        sort = DEFAULT
    today = services().clock().date()
    if request.args.get("as") == "csv":
        return _file(page.portfolio, _found(page.portfolio, today, text, closed, sort))
    number = paging.asked()

    def content() -> Markup:
        return _content(page.portfolio, today, text, closed, sort, number)

    asked = ("holdings", today, text, closed, sort, number)
    return frame.around("holdings/page.html", page, figures.remembered(page.portfolio, asked, content))


def _content(portfolio: Portfolio, today: date, text: str, closed: bool, sort: str, number: int) -> Markup:
    column, descending = sort.removeprefix("-"), sort.startswith("-")
    everything = figures.holdings(portfolio, today, closed=closed)
    found = _found(portfolio, today, text, closed, sort)
    number = min(number, max(len(found) - 1, 0) // PAGE_SIZE)
    asked = {"q": text or None, "closed": 1 if closed else None}

    def address(**changes: Any) -> str:
        return url_for("holdings.index", portfolio_id=portfolio.id, **({"sort": sort, **asked} | changes))

    found_here = render_template(
        "holdings/_content.html",
        portfolio=portfolio,
        heads=[_head(name, column, descending, address) for name in COLUMNS],
        shown=found[number * PAGE_SIZE : (number + 1) * PAGE_SIZE],
        count=len(found),
        ever=bool(everything or figures.holdings(portfolio, today, closed=True)),
        first=number * PAGE_SIZE,
        totals=_totals(everything, found),
        text=text,
        closed=closed,
        sort=sort,
        filtered=bool(text),
        export=address(**{"as": "csv"}),
        previous=address(page=number) if number else None,
        next=address(page=number + 2) if len(found) > (number + 1) * PAGE_SIZE else None,
    )
    return Markup(found_here)  # noqa: S704  (what a template made)


def _found(portfolio: Portfolio, today: date, text: str, closed: bool, sort: str) -> list[Holding]:
    everything = figures.holdings(portfolio, today, closed=closed)
    found = [one for one in everything if matches(one, text)]
    return ordered(found, sort.removeprefix("-"), descending=sort.startswith("-"))


def _file(portfolio: Portfolio, found: list[Holding]) -> ResponseReturnValue:
    """All that matches, whatever page was looked at."""
    base = portfolio.base_currency
    head = (
        "Instrument", "ISIN", "Name", "Currency", "Quantity", "Average cost", f"Cost {base}", "Last price", "Price of",
        "Price from", f"Value {base}", f"Unrealised gain {base}", f"Income {base}",
    )  # fmt: skip
    return csv_file.answer("holdings", head, (_line(one) for one in found))


def _line(one: Holding) -> tuple[object, ...]:
    held, what = one.valued, one.valued.instrument
    price, origin = held.price, held.price and filters.price_origin_words(held.price)
    told = (what.symbol, what.isin, what.description, what.currency, held.quantity)
    quoted = (price and price.price, price and price.on, origin)
    if not one.is_open:
        return (*told, None, None, *quoted, None, None, one.income)
    return (*told, held.average_cost, held.cost_base, *quoted, held.value_base, held.gain_base, one.income)


def matches(one: Holding, text: str) -> bool:
    """Whether each word is somewhere in what a person calls the instrument."""
    what = one.valued.instrument
    names = (what.symbol, what.isin, what.description, what.currency, filters.asset_class_words(what.asset_class))
    whole = " ".join(name for name in names if name).casefold()
    return all(word in whole for word in text.casefold().split())


def ordered(found: list[Holding], column: str, *, descending: bool) -> list[Holding]:
    value = COLUMNS[column][1]
    by_name = sorted(found, key=lambda one: one.valued.instrument.key)
    known = [one for one in by_name if value(one) is not None]
    return sorted(known, key=value, reverse=descending) + [one for one in by_name if value(one) is None]


def _head(name: str, column: str, descending: bool, address: Callable[..., str]) -> Head:
    """A heading's link turns the order round; a column not sorted by begins with the largest, names with A."""
    words, is_text, is_spare = COLUMNS[name][0], name == "symbol", name in SPARE
    if name == column:
        order = "descending" if descending else "ascending"
        return Head(words, address(sort=name if descending else f"-{name}"), order, is_text, is_spare)
    return Head(words, address(sort=name if is_text else f"-{name}"), "", is_text, is_spare)


def _totals(everything: list[Holding], found: list[Holding]) -> Totals:
    held = [one.valued for one in found if one.is_open]
    both = [one for one in held if one.gain_base is not None]
    return Totals(
        value=sum((one.value_base for one in held if one.value_base is not None), ZERO),
        cost=sum((one.cost_base or ZERO for one in both), ZERO),
        gain=sum((one.gain_base or ZERO for one in both), ZERO),
        income=sum((one.income for one in found), ZERO),
        unvalued=sum(one.value_base is None for one in held),
        whole=sum((one.valued.value_base or ZERO for one in everything if one.is_open), ZERO),
    )
