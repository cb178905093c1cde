"""How a portfolio did over a range of days: its value against what was put in, and its returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import login_required

from stonks.portfolio.performance import Point
from stonks.services import services
from stonks.web import charts, csv_file, measured, ranges
from stonks.web.pages import portfolio_page

blueprint = Blueprint("performance", __name__)


@blueprint.get("/portfolios/<int:portfolio_id>/performance")
@login_required
def show(portfolio_id: int) -> ResponseReturnValue:
    page = portfolio_page(portfolio_id)
    asked = ranges.asked_for(request.args, services().clock().date())
    base = page.portfolio.base_currency
    found = measured.over(page.portfolio, asked.first, asked.last)
    view = found.view
    if request.args.get("as") == "csv":
        head = ("Day", f"Net invested {base}", f"Value {base}", f"Value at last prices {base}")
        return csv_file.answer("values", head, view.points)
    return render_template(
        "performance/page.html",
        page=page,
        anything=found.anything,
        range=asked,
        names=ranges.NAMES,
        view=view,
        chart=_for_chart(view.points),
        old=charts.has_old(view.points),
        drawn=sum(1 for point in view.points if point.at_last is not None) > 1,
        rows=charts.for_table(view.points),
        left_out=found.left_out,
        unpriced=found.unpriced,
    )


def _for_chart(points: Sequence[Point]) -> str:
    """Days, what was put in, values and, where there are any at old prices, these, as JSON text: a picture may round, so
    plain numbers serve."""
    days = [f'"{point.on.isoformat()}"' for point in points]
    series = [days, _numbers(points, lambda point: point.invested), _numbers(points, lambda point: point.value)]
    if charts.has_old(points):
        series.append(_numbers(points, lambda point: point.at_last))
    return "[" + ",".join(f"[{','.join(one)}]" for one in series) + "]"


def _numbers(points: Sequence[Point], of: Callable[[Point], Decimal | None]) -> list[str]:
    return ["null" if (value := of(point)) is None else format(value, ".2f") for point in points]
