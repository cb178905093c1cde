"""Realised gains per closed lot and income by month, instrument and currency, for a year or all years; both as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import login_required

from stonks.ledger import folding
from stonks.portfolio import income
from stonks.portfolio.income import Income
from stonks.portfolio.lots import ClosedLot
from stonks.portfolio.overview import gain_in_base, in_base
from stonks.portfolio.valuation import Instrument
from stonks.services import services
from stonks.web.pages import portfolio_page

blueprint = Blueprint("earnings", __name__)


class Sale(NamedTuple):
    instrument: Instrument
    lot: ClosedLot
    gain_base: Decimal | None


class Line(NamedTuple):
    name: str
    income: Income


@blueprint.get("/portfolios/<int:portfolio_id>/gains")
@login_required
def gains(portfolio_id: int) -> ResponseReturnValue:
    page = portfolio_page(portfolio_id)
    found = folding.folding(portfolio_id)
    rates = folding.rates(portfolio_id, page.portfolio.base_currency)
    held = found.held()
    lots = sorted(held.closed_lots(), key=lambda lot: (lot.closed, lot.key, lot.opened), reverse=True)
    years = sorted({lot.closed.year for lot in lots}, reverse=True)
    year = _year(years)
    sales = [
        Sale(found.instruments[lot.key], lot, gain_in_base(lot, found.instruments[lot.key], rates))
        for lot in lots
        if year is None or lot.closed.year == year
    ]
    base = page.portfolio.base_currency
    if request.args.get("as") == "csv":
        head = ("Instrument", "ISIN", "Opened", "Closed", "Days held", "Quantity", "Currency", "Cost", "Proceeds")
        return _csv("gains", (*head, "Gain", f"Gain {base}"), (_sale_row(sale) for sale in sales))
    known = [sale.gain_base for sale in sales if sale.gain_base is not None]
    return render_template(
        "earnings/gains.html",
        page=page,
        years=years,
        year=year,
        sales=sales,
        total=sum(known, Decimal(0)),
        unknown=len(sales) - len(known),
    )


@blueprint.get("/portfolios/<int:portfolio_id>/income")
@login_required
def received(portfolio_id: int) -> ResponseReturnValue:
    page = portfolio_page(portfolio_id)
    found = folding.folding(portfolio_id)
    base = page.portfolio.base_currency
    counted = [one for one in found.receipts if one.kind in income.COUNTED]
    years = sorted({one.on.year for one in counted}, reverse=True)
    year = _year(years)
    mine = [one for one in counted if year is None or one.on.year == year]
    converted = in_base(mine, folding.rates(portfolio_id, base))
    symbols = {one.isin or one.symbol: one.symbol for one in found.instruments.values()}
    by_month = income.by(converted, income.month)
    months = [Line(f"{first:%b %Y}", by_month[first]) for first in sorted(by_month, reverse=True)]
    if request.args.get("as") == "csv":
        rows = ((first.strftime("%Y-%m"), *_figures(by_month[first])) for first in sorted(by_month))
        return _csv("income", ("Month", f"Gross {base}", f"Withheld {base}", f"Net {base}", f"Fees {base}"), rows)
    return render_template(
        "earnings/income.html",
        page=page,
        years=years,
        year=year,
        total=income.total(converted),
        unconverted=len(mine) - len(converted),
        months=months,
        instruments=_largest(
            income.by(converted, lambda one: symbols.get(one.key, one.key) if one.key else "Without an instrument")
        ),
        currencies=sorted(Line(*item) for item in income.by(mine, lambda one: one.currency).items()),
    )


def _year(years: Sequence[int]) -> int | None:
    """The one asked for; None = all; unasked, this year where there is something of it, else the last there is."""
    asked = request.args.get("year", "")
    if asked == "all" or not years:
        return None
    if asked.isdecimal() and int(asked) in years:
        return int(asked)
    this = services().clock().year
    return this if this in years else years[0]


def _largest(found: dict[str, Income]) -> list[Line]:
    return sorted((Line(*item) for item in found.items()), key=lambda line: (-line.income.net, line.name))


def _figures(one: Income) -> tuple[Decimal, ...]:
    return (one.gross, one.withheld, one.net, one.fees)


def _sale_row(sale: Sale) -> tuple[object, ...]:
    one, lot = sale.instrument, sale.lot
    cost, gain = (lot.cost, lot.gain) if lot.cost_known else ("", "")
    told = (one.symbol, one.isin or "", lot.opened, lot.closed, lot.days, lot.quantity, one.currency)
    return (*told, cost, lot.proceeds, gain, "" if sale.gain_base is None else sale.gain_base)


def _csv(name: str, head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> Response:
    """Every digit there is, so that sums agree with the page's; words that a spreadsheet would run are defused."""
    body = io.StringIO()
    writer = csv.writer(body)
    writer.writerow(head)
    writer.writerows([_cell(value) for value in row] for row in rows)
    answer = Response("\ufeff" + body.getvalue(), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="stonksfolio-{name}.csv"'
    return answer


def _cell(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):
        return value.isoformat()
    text = str(value)
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
