"""Realised gains per closed lot, for a year or all years, as a page and as CSV; and the pages' choice of a year."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import login_required

from stonks.ledger import folding
from stonks.portfolio.lots import ClosedLot
from stonks.portfolio.overview import Gains, gain_in_base, gains
from stonks.portfolio.valuation import Instrument
from stonks.services import services
from stonks.web import csv_file, income_tables
from stonks.web.pages import portfolio_page

blueprint = Blueprint("earnings", __name__)

_HEAD = ("Instrument", "ISIN", "Opened", "Closed", "Days held", "Quantity", "Currency", "Cost", "Proceeds", "Gain")


class Sale(NamedTuple):
    instrument: Instrument
    lot: ClosedLot
    gain_base: Decimal | None


class YearOfGains(NamedTuple):
    year: int
    gains: Gains


@blueprint.get("/portfolios/<int:portfolio_id>/gains", endpoint="gains")
@login_required
def realised(portfolio_id: int) -> ResponseReturnValue:
    page = portfolio_page(portfolio_id)
    found = folding.folding(portfolio_id)
    base = page.portfolio.base_currency
    rates = folding.rates(portfolio_id, base)
    lots = sorted(found.held().closed_lots(), key=lambda lot: (lot.closed, lot.key, lot.opened), reverse=True)
    years = sorted({lot.closed.year for lot in lots}, reverse=True)
    year = chosen_year(years)
    sales = [
        Sale(found.instruments[lot.key], lot, gain_in_base(lot, found.instruments[lot.key], rates))
        for lot in lots
        if year is None or lot.closed.year == year
    ]
    by_year = [
        YearOfGains(one, gains((lot for lot in lots if lot.closed.year == one), found.instruments, rates))
        for one in years
    ]
    if request.args.get("as") == "csv" and request.args.get("table") == "year":
        rows = ((one.year, one.gains.gain, one.gains.sales, one.gains.unknown) for one in by_year)
        return csv_file.answer("gains-by-year", ("Year", f"Gain {base}", "Closed lots", "Not known"), rows)
    if request.args.get("as") == "csv":
        return csv_file.answer("gains", (*_HEAD, f"Gain {base}"), _rows(sales))
    known = [sale.gain_base for sale in sales if sale.gain_base is not None]
    return render_template(
        "earnings/gains.html",
        page=page,
        years=years,
        year=year,
        by_year=by_year,
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
    years = income_tables.years(found)
    year = chosen_year(years)
    view = income_tables.income_view(found, folding.rates(portfolio_id, base), base, year)
    if request.args.get("as") == "csv":
        wanted = request.args.get("table", "month")
        table = next((one for one in view.tables if one.name == wanted), None)
        if table is not None:
            return csv_file.answer(f"income-{table.name}", table.head, table.rows())
        return csv_file.answer("income-corrections", income_tables.correction_head(base), view.correction_rows())
    return render_template("earnings/income.html", page=page, years=years, year=year, view=view)


def chosen_year(years: Sequence[int]) -> int | None:
    """The one asked for; None = all; unasked, this year where there is something of it, else the last there is."""
    asked = request.args.get("year", "")
    if asked == "all" or not years:
        return None
    if asked.isdecimal() and int(asked) in years:
        return int(asked)
    this = services().clock().year
    return this if this in years else years[0]


def _rows(sales: Iterable[Sale]) -> Iterable[tuple[object, ...]]:
    for one, lot, gain_base in sales:
        cost = lot.cost if lot.cost_known else None
        told = (one.symbol, one.isin or "", lot.opened, lot.closed, lot.days, lot.quantity, one.currency)
        yield (*told, cost, lot.proceeds, lot.gain, gain_base)
