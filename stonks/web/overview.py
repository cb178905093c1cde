"""The pages that say where a person stands: the overview and one instrument."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_login import login_required

from stonks.core.errors import NotFound
from stonks.ledger import agreeing, corrections, entries, folding
from stonks.ledger.corrections import Correction
from stonks.ledger.folding import Folding
from stonks.ledger.tables import Portfolio
from stonks.portfolio.income import Receipt
from stonks.portfolio.lots import Book
from stonks.portfolio.movements import Movement
from stonks.portfolio.overview import Overview, Slice, gain_in_base, overview
from stonks.portfolio.valuation import Instrument, value
from stonks.rates import RateTable
from stonks.services import services
from stonks.sync import connecting
from stonks.sync.states import ConnectionState
from stonks.web import charts, filters
from stonks.web.pages import portfolio_page
from stonks.web.reconciling import opening_of

blueprint = Blueprint("overview", __name__)


@blueprint.get("/portfolios/<int:portfolio_id>")
@login_required
def show(portfolio_id: int) -> ResponseReturnValue:
    page = portfolio_page(portfolio_id)
    found = folding.folding(portfolio_id)
    if not found.entries:
        connection = connecting.view(portfolio_id)
        connected = connection is not None and connection.state != ConnectionState.DISCONNECTED
        return render_template("overview/empty.html", page=page, connected=connected)
    held, rates = found.held(), _rates(page.portfolio)
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
        agreement=agreeing.agreement(portfolio_id, found, held),
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
    book = found.held().books.get(key) or Book(key)
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
        opening=opening_of(portfolio_id, one, movements),
    )


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
