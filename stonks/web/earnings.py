"""Realised gains per closed lot, for a year or all years, as a page and as CSV; and the pages' choice of a year."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import login_required

from stonks.ledger import figures, folding, realised
from stonks.ledger import received as stored
from stonks.ledger.realised import Sale
from stonks.portfolio.overview import Gains
from stonks.services import services
from stonks.web import csv_file, filters, income_tables, paging
from stonks.web.income_tables import IncomeView
from stonks.web.pages import portfolio_page

blueprint = Blueprint("earnings", __name__)

PAGE_SIZE = 200
_HEAD = ("Instrument", "ISIN", "Opened", "Closed", "Days held", "Quantity", "Currency", "Cost", "Proceeds", "Gain")


class YearOfGains(NamedTuple):
    year: int
    gains: Gains


@blueprint.get("/portfolios/<int:portfolio_id>/gains")
@login_required
def gains(portfolio_id: int) -> ResponseReturnValue:
    page = portfolio_page(portfolio_id)
    base = page.portfolio.base_currency
    by_year = figures.remembered(page.portfolio, ("gains by year",), lambda: realised.by_year(portfolio_id))
    year = chosen_year(list(by_year))
    if request.args.get("as") == "csv" and request.args.get("table") == "year":
        rows = ((one, sums.gain, sums.sales, sums.unknown) for one, sums in by_year.items())
        return csv_file.answer("gains-by-year", ("Year", f"Gain {base}", "Closed lots", "Not known"), rows)
    if request.args.get("as") == "csv":
        head = (*_HEAD, f"Gain {base}", "Note")
        return figures.whole(
            page.portfolio, lambda: csv_file.answer("gains", head, _rows(realised.every_sale(portfolio_id, year)))
        )
    total = by_year[year] if year else realised.added(list(by_year.values()))
    count = total.sales + total.unknown
    number = min(paging.asked(), max(count - 1, 0) // PAGE_SIZE)
    sales = figures.remembered(
        page.portfolio,
        ("sales", year, number),
        lambda: realised.sales(portfolio_id, year, count=PAGE_SIZE, skip=number * PAGE_SIZE),
    )
    return render_template(
        "earnings/gains.html",
        page=page,
        years=list(by_year),
        year=year,
        by_year=[YearOfGains(one, sums) for one, sums in by_year.items()],
        sales=sales,
        total=total,
        pages=paging.pages(number, PAGE_SIZE, count),
    )


@blueprint.get("/portfolios/<int:portfolio_id>/income")
@login_required
def received(portfolio_id: int) -> ResponseReturnValue:
    page = portfolio_page(portfolio_id)
    base = page.portfolio.base_currency
    found = figures.remembered(page.portfolio, ("received",), lambda: stored.received(portfolio_id))
    years = income_tables.years(found)
    year = chosen_year(years)

    def tables() -> IncomeView:
        rates = folding.rates(portfolio_id, base)
        return income_tables.income_view(found, figures.instruments(page.portfolio), rates, base, year)

    view = figures.remembered(page.portfolio, ("income", year), tables)
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
        yield (*told, cost, lot.proceeds, lot.gain, gain_base, filters.lot_words(lot))
