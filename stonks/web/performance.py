"""How a portfolio did over a range of days: its value against what was put in, its returns, and what it earned."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import login_required

from stonks.ledger import figures, measuring
from stonks.ledger.tables import Portfolio
from stonks.portfolio.earned import Earned, Own, earned
from stonks.portfolio.performance import Performance, Point, performance
from stonks.portfolio.valuation import Instrument
from stonks.services import services
from stonks.web import csv_file, ranges
from stonks.web.pages import portfolio_page

blueprint = Blueprint("performance", __name__)

MOST_ROWS = 60


class Lack(NamedTuple):
    symbol: str
    days: int


class Measured(NamedTuple):
    """What the page tells of one range of days."""

    anything: bool
    view: Performance
    earned: Earned
    left_out: list[Instrument]
    unpriced: list[Lack]


@blueprint.get("/portfolios/<int:portfolio_id>/performance")
@login_required
def show(portfolio_id: int) -> ResponseReturnValue:
    page = portfolio_page(portfolio_id)
    asked = ranges.asked_for(request.args, services().clock().date())
    base = page.portfolio.base_currency
    days = (asked.first, asked.last)
    measured = figures.remembered(page.portfolio, ("performance", *days), lambda: _measured(page.portfolio, *days))
    view, sums = measured.view, measured.earned
    if request.args.get("as") == "csv" and request.args.get("table") == "currencies":
        head = ("Currency", "Gross", "Withheld", "Net", "Realised gain", "Gains not known", "Fees")
        return csv_file.answer("earned", head, (_own_row(one) for one in sums.own))
    if request.args.get("as") == "csv":
        return csv_file.answer("values", ("Day", f"Net invested {base}", f"Value {base}"), view.points)
    return render_template(
        "performance/page.html",
        page=page,
        anything=measured.anything,
        names=ranges.NAMES,
        range=asked,
        view=view,
        chart=_for_chart(view.points),
        rows=_for_table(view.points),
        left_out=measured.left_out,
        unpriced=measured.unpriced,
        earned=sums,
    )


def _measured(portfolio: Portfolio, first: date | None, last: date) -> Measured:
    # Other ranges of days come from the same figures.
    found = figures.remembered_large(portfolio, ("measurable",), lambda: measuring.measurable(portfolio))
    view = performance(found.told, found.rates, first, last)
    return Measured(
        anything=found.anything,
        view=view,
        earned=earned(found.paid, found.sold, first, last),
        left_out=[found.instruments[key] for key in view.left_out],
        unpriced=[Lack(found.instruments[key].symbol, days) for key, days in view.unpriced],
    )


def _own_row(one: Own) -> tuple[object, ...]:
    paid = one.income
    return (one.currency, paid.gross, paid.withheld, paid.net, one.gain, one.unknown, paid.fees)


def _for_chart(points: Sequence[Point]) -> str:
    """Days, what was put in and values, as JSON text: a picture may round, so plain numbers serve."""
    days = [f'"{point.on.isoformat()}"' for point in points]
    invested = [format(point.invested, ".2f") for point in points]
    values = ["null" if point.value is None else format(point.value, ".2f") for point in points]
    return "[" + ",".join(f"[{','.join(series)}]" for series in (days, invested, values)) + "]"


def _for_table(points: Sequence[Point]) -> list[Point]:
    """The newest first; of a long history only each month's last day and the last of all."""
    if len(points) > MOST_ROWS:
        points = list({point.on.replace(day=1): point for point in points}.values())
    return list(reversed(points))
