"""The pages that say where a person stands: the overview, one instrument, how it compares with the broker's word."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import login_required

from stonks.ledger import corrections, entries, figures, folding
from stonks.ledger.figures import Stale
from stonks.ledger.folding import Folding
from stonks.portfolio import holdings
from stonks.portfolio.holdings import Holdings
from stonks.portfolio.overview import Overview, Slice
from stonks.portfolio.reconcile import Difference, differences
from stonks.services import services
from stonks.sync import connecting
from stonks.sync.states import ConnectionState
from stonks.web import charts, filters
from stonks.web.pages import portfolio_page

blueprint = Blueprint("overview", __name__)

MOST_HOLDINGS = 20  # on the overview; all of them have their own page


@dataclass(frozen=True, slots=True)
class Agreement:
    """How the quantities compare with what the broker reported; None where it reported none."""

    as_of: date
    compared: int
    differences: list[Difference]


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
        connection = connecting.view(portfolio_id)
        connected = connection is not None and connection.state != ConnectionState.DISCONNECTED
        return render_template("overview/empty.html", page=page, connected=connected)
    found = figures.standing(page.portfolio, _today())
    view = found.view
    certain = not view.unvalued and not view.uncosted and any(not one.instrument.unpaid for one in view.holdings)
    return render_template(
        "overview/page.html",
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


@blueprint.get("/portfolios/<int:portfolio_id>/instruments/<path:key>")
@login_required
def instrument(portfolio_id: int, key: str) -> ResponseReturnValue:
    """One instrument: its lots, what was closed, its transactions and what it paid; the newest of each."""
    page = portfolio_page(portfolio_id)
    found = figures.instrument(page.portfolio, key, _today())
    moved = entries.movements(portfolio_id, found.moved_as, found.instrument.currency)
    return render_template(
        "overview/instrument.html",
        page=page,
        one=found.instrument,
        found=found,
        valued=found.valued,
        movements=moved,
        corrections=corrections.of_entries(portfolio_id, moved) if any(one.cancels for one in moved) else {},
        receipts=entries.receipts(portfolio_id, found.paid_as),
        most=entries.PAGE_SIZE,
    )


@blueprint.get("/portfolios/<int:portfolio_id>/reconciliation")
@login_required
def reconciliation(portfolio_id: int) -> ResponseReturnValue:
    page = portfolio_page(portfolio_id)
    found = folding.folding(portfolio_id)
    agreement = _agreement(found, _fold(found))
    return render_template(
        "overview/reconciliation.html", page=page, agreement=agreement, instruments=found.instruments
    )


def _fold(found: Folding, until: date | None = None) -> Holdings:
    movements = (item for item in found.movements if until is None or item.on <= until)
    return holdings.fold(movements, reported_short=found.reported_short)


def _agreement(found: Folding, held: Holdings) -> Agreement | None:
    if not found.reported:
        return None
    as_of = max(one.as_of for one in found.reported)
    if any(item.on > as_of for item in found.movements):
        held = _fold(found, as_of)
    reported = {one.key: one.quantity for one in found.reported}
    compared = reported.keys() | {book.key for book in held.open()}
    return Agreement(as_of, len(compared), differences(held, reported))


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
