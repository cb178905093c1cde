"""The pages that say where a person stands: the overview, one instrument, how it compares with the broker's word."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_login import login_required

from stonks.core.errors import NotFound
from stonks.ledger import corrections, entries, folding
from stonks.ledger.corrections import Correction
from stonks.ledger.folding import Folding
from stonks.ledger.tables import Portfolio
from stonks.portfolio.holdings import Holdings
from stonks.portfolio.income import Receipt
from stonks.portfolio.lots import Book
from stonks.portfolio.movements import Movement
from stonks.portfolio.overview import Overview, Slice, gain_in_base, overview
from stonks.portfolio.reconcile import Difference, differences
from stonks.portfolio.valuation import Instrument, value
from stonks.rates import RateTable
from stonks.services import services
from stonks.sync import connecting
from stonks.sync.states import ConnectionState
from stonks.web import charts, filters
from stonks.web.pages import portfolio_page

blueprint = Blueprint("overview", __name__)


@dataclass(frozen=True, slots=True)
class Agreement:
    """How the quantities compare with what the broker reported; None where it reported none."""

    as_of: date
    compared: int
    differences: list[Difference]


@blueprint.get("/portfolios/<int:portfolio_id>")
@login_required
def show(portfolio_id: int) -> ResponseReturnValue:
    page = portfolio_page(portfolio_id)
    found = folding.folding(portfolio_id)
    if not found.entries:
        connection = connecting.view(portfolio_id)
        connected = connection is not None and connection.state != ConnectionState.DISCONNECTED
        return render_template("overview/empty.html", page=page, connected=connected)
    held, rates = _fold(found), _rates(page.portfolio)
    view = overview(
        held, found.instruments, found.prices, found.receipts, rates, page.portfolio.base_currency, _today()
    )
    certain = not view.unvalued and not view.uncosted and any(not one.instrument.unpaid for one in view.holdings)
    return render_template(
        "overview/page.html",
        page=page,
        view=view,
        bars=charts.bars(view.months, view.base),
        costs=charts.steps(view.costs, view.value if certain else None),
        cost_rows=charts.for_table(view.costs),
        title=_chart_title(view, certain),
        incomplete=[found.instruments[book.key] for book in held.incomplete()],
        agreement=_agreement(found, held),
        cash=sorted((currency, amount) for currency, amount in found.cash.items() if amount),
        rates=rates,
        currencies=view.by_currency(),
        classes=_classes(view),
    )


@blueprint.get("/portfolios/<int:portfolio_id>/instruments/<path:key>")
@login_required
def instrument(portfolio_id: int, key: str) -> ResponseReturnValue:
    """One instrument: its lots, what was closed, its transactions and what it paid."""
    page = portfolio_page(portfolio_id)
    found = folding.folding(portfolio_id)
    one = found.instruments.get(key)
    if one is None:
        raise NotFound("There is no such instrument in this portfolio.")
    rates = _rates(page.portfolio)
    book = _fold(found).books.get(key) or Book(key)
    movements = _newest(item for item in found.movements if item.key == key)
    return render_template(
        "overview/instrument.html",
        page=page,
        one=one,
        book=book,
        valued=value(book, one, found.prices.get(key), rates, _today()) if book.lots else None,
        closed=[(lot, gain_in_base(lot, one, rates)) for lot in reversed(book.closed)],
        movements=movements,
        corrections=_corrected(portfolio_id, movements),
        receipts=_received(found, one),
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
    return found.held(until)


def _agreement(found: Folding, held: Holdings) -> Agreement | None:
    if not found.reported:
        return None
    as_of = max(one.as_of for one in found.reported)
    if any(item.on > as_of for item in found.movements):
        held = _fold(found, as_of)
    reported = {one.key: one.quantity for one in found.reported}
    compared = reported.keys() | {book.key for book in held.open()}
    return Agreement(as_of, len(compared), differences(held, reported))


def _rates(portfolio: Portfolio) -> RateTable:
    return folding.rates(portfolio.id, portfolio.base_currency)


def _received(found: Folding, one: Instrument) -> list[Receipt]:
    names = {one.isin, one.symbol} - {None}
    return [item for item in reversed(found.receipts) if item.key in names and item.kind != "FEE"]


def _corrected(portfolio_id: int, movements: list[Movement]) -> dict[int, Correction]:
    """By entry id, which is a movement's `arrival`."""
    if not any(item.cancels for item in movements):
        return {}
    shown = entries.some(portfolio_id, [item.arrival for item in movements])
    return corrections.of_entries(portfolio_id, shown)


def _newest(movements: Iterable[Movement]) -> list[Movement]:
    return sorted(movements, key=lambda item: (item.on, item.arrival), reverse=True)


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
