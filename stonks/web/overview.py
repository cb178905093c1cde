"""The pages that say where a person stands: the overview and one instrument."""

from __future__ import annotations

from datetime import date

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import login_required
from markupsafe import Markup

from stonks.ledger import corrections, entries, families, figures, folding
from stonks.ledger.figures import OneInstrument, Stale
from stonks.ledger.marks import name_of
from stonks.portfolio.overview import Overview, Slice
from stonks.services import services
from stonks.sync import views
from stonks.sync.states import ConnectionState
from stonks.web import charts, csv_file, filters, frame
from stonks.web.pages import PortfolioPage, portfolio_page
from stonks.web.reconciling import opening_of

blueprint = Blueprint("overview", __name__)

MOST_HOLDINGS = 20  # on the overview; all of them have their own page


@blueprint.app_errorhandler(Stale)
def reckoning(_error: Stale) -> ResponseReturnValue:
    """Comes back by itself, and each time goes on where the last one left off."""
    portfolio_id = (request.view_args or {})["portfolio_id"]
    return render_template("overview/reckoning.html", page=portfolio_page(portfolio_id)), 503, {"Refresh": "1"}


@blueprint.get("/portfolios/<int:portfolio_id>")
@login_required
def show(portfolio_id: int) -> ResponseReturnValue:
    page = portfolio_page(portfolio_id)
    if not entries.are_there(portfolio_id):
        connection = views.connection(portfolio_id)
        connected = connection is not None and connection.state != ConnectionState.DISCONNECTED
        return render_template("overview/empty.html", page=page, connected=connected)
    if request.args.get("as") == "csv":
        return csv_file.answer("cash", ("Currency", "Moved"), figures.standing(page.portfolio, _today()).cash)
    content = figures.remembered(page.portfolio, ("overview", _today()), lambda: _standing(page))
    return frame.around("overview/page.html", page, content)


def _standing(page: PortfolioPage) -> Markup:
    found = figures.standing(page.portfolio, _today())
    view = found.view
    certain = not view.unvalued and not view.uncosted and any(not one.instrument.unpaid for one in view.holdings)
    made = render_template(
        "overview/_content.html",
        page=page,
        view=view,
        shown=view.holdings[:MOST_HOLDINGS],
        bars=charts.bars(view.months, view.base),
        costs=charts.steps(view.costs, view.value if certain else None),
        cost_rows=charts.for_table(view.costs),
        title=_chart_title(view, certain),
        found=found,
        currencies=view.by_currency(),
        classes=_classes(view),
    )
    return Markup(made)  # noqa: S704  (what a template made)


@blueprint.get("/portfolios/<int:portfolio_id>/instruments/<path:key>")
@login_required
def instrument(portfolio_id: int, key: str) -> ResponseReturnValue:
    """One instrument: its lots, what was closed, its transactions and what it paid; the newest of each."""
    page = portfolio_page(portfolio_id)
    heading, content = figures.remembered(
        page.portfolio, ("instrument", key, _today()), lambda: _instrument(page, portfolio_id, key)
    )
    return frame.around("overview/instrument.html", page, content, heading)


def _instrument(page: PortfolioPage, portfolio_id: int, key: str) -> tuple[str, Markup]:
    """The page's heading and what stands under it."""
    found = figures.instrument(page.portfolio, key, _today())
    moved = entries.movements(portfolio_id, found.moved_as, found.instrument.currency)
    made = render_template(
        "overview/_instrument.html",
        page=page,
        one=found.instrument,
        found=found,
        valued=found.valued,
        movements=moved,
        corrections=corrections.of_entries(portfolio_id, moved) if any(one.cancels for one in moved) else {},
        receipts=entries.receipts(portfolio_id, found.paid_as),
        most=entries.PAGE_SIZE,
        opening=_opening(portfolio_id, found) if found.reasons else None,
    )
    return found.instrument.symbol, Markup(made)  # noqa: S704  (what a template made)


def _opening(portfolio_id: int, found: OneInstrument) -> str | None:
    """Where an opening entry for what was sold without having come is added."""
    one = found.instrument
    names = {name_of(symbol, isin, one.asset_class) for symbol, isin in found.moved_as}
    movements = folding.gathered(families.rows_of(portfolio_id, names), ()).movements
    return opening_of(portfolio_id, one, (item for item in movements if item.key == one.key))


def _classes(view: Overview) -> list[Slice]:
    """With their names in words. Empty when no statement told any."""
    slices = view.by_asset_class()
    if all(one.name is None for one in slices):
        return []
    return [one._replace(name=filters.asset_class_words(one.name)) for one in slices]


def _chart_title(view: Overview, certain: bool) -> str:
    if not certain or not view.gain_share:
        return "What the holdings cost"
    words = filters.percent(abs(view.gain_share), 0 if abs(view.gain_share) * 10 >= 1 else 1)
    return f"The holdings are worth {words} {'more' if view.gain_share > 0 else 'less'} than they cost"


def _today() -> date:
    return services().clock().date()
