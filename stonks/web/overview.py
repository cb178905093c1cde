"""The pages that say where a person stands: the overview and one instrument."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import NamedTuple

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import login_required
from markupsafe import Markup

from stonks.ledger import corrections, entries, families, figures, folding
from stonks.ledger.figures import OneInstrument, Stale
from stonks.ledger.marks import name_of
from stonks.ledger.tables import Portfolio
from stonks.portfolio.earned import Earned, Own
from stonks.portfolio.income import Income
from stonks.portfolio.lots import ZERO
from stonks.portfolio.overview import Overview, Slice, Standing
from stonks.portfolio.performance import Basis, Performance
from stonks.services import services
from stonks.web import charts, csv_file, filters, frame, measured, ranges
from stonks.web.pages import PortfolioPage, portfolio_page
from stonks.web.ranges import Range
from stonks.web.reconciling import opening_of

blueprint = Blueprint("overview", __name__)

NARROW = 380  # a picture on a phone, as wide as that of the months
MOST_HOLDINGS = 20  # on the overview; all of them have their own page


class OwnFigures(NamedTuple):
    """One currency's, in it: what is held, and what was earned in the range."""

    held: Standing
    earned: Own


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
        return render_template("overview/empty.html", page=page)
    asked = ranges.asked_for(request.args, _today())
    if request.args.get("as") == "csv":
        return _file(page.portfolio, asked, request.args.get("table", "cash"))
    content = figures.remembered(page.portfolio, ("overview", _today(), asked), lambda: _standing(page, asked))
    return frame.around("overview/page.html", page, content)


def _standing(page: PortfolioPage, asked: Range) -> Markup:
    found = figures.standing(page.portfolio, _today(), asked.last)
    view = found.view
    earned = measured.earned_over(page.portfolio, asked.first, asked.last)
    over = measured.over(page.portfolio, asked.first, asked.last)
    since = min(asked.first or date.min, view.months[0].first)
    made = render_template(
        "overview/_content.html",
        page=page,
        range=asked,
        names=ranges.NAMES,
        view=view,
        shown=view.holdings[:MOST_HOLDINGS],
        earned=earned,
        own=_own(view, earned),
        unconverted=measured.earned_over(page.portfolio, since, asked.last).unconverted,
        bars=charts.bars(view.months, view.base),
        performance=over.view,
        with_cash=_with_cash(over.view),
        lines=charts.lines(over.view.points),
        narrow_lines=charts.lines(over.view.points, width=NARROW),
        rows=charts.for_table(over.view.points),
        title=_chart_title(over.view),
        left_out=over.left_out,
        found=found,
        currencies=view.by_currency(),
        classes=_classes(view),
    )
    return Markup(made)  # noqa: S704  (what a template made)


def _file(portfolio: Portfolio, asked: Range, table: str) -> Response:
    standing = figures.standing(portfolio, _today())
    if table == "currencies":
        head = (
            "Currency", "Value", "Unrealised gain", "Gross", "Withheld", "Net", "Realised gain", "Gains not known", "Fees",
        )  # fmt: skip
        earned = measured.earned_over(portfolio, asked.first, asked.last)
        return csv_file.answer("currencies", head, (_own_row(one) for one in _own(standing.view, earned)))
    return csv_file.answer("cash", ("Currency", "Moved"), standing.cash)


def _own(view: Overview, earned: Earned) -> list[OwnFigures]:
    """Of each currency in which something is held or was earned, by its code."""
    held, had = {one.currency: one for one in view.own()}, {one.currency: one for one in earned.own}
    return [
        OwnFigures(
            held.get(currency, Standing(currency, ZERO, ZERO)), had.get(currency, Own(currency, Income(), ZERO, 0))
        )
        for currency in sorted(held.keys() | had.keys())
    ]


def _own_row(one: OwnFigures) -> tuple[object, ...]:
    held, had = one
    paid = had.income
    return (
        held.currency, held.value, held.gain, paid.gross, paid.withheld, paid.net, had.gain, had.unknown, paid.fees,
    )  # fmt: skip


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


def _with_cash(found: Performance) -> Decimal | None:
    """What the account is worth today, where its cash is known and the range ends today."""
    end = found.points[-1]
    return end.at_last if found.basis is Basis.ACCOUNT and end.on == _today() else None


def _chart_title(found: Performance) -> str:
    end = found.points[-1]
    if end.at_last is None or end.invested <= 0:
        return "Value and net invested"
    what = "Securities and cash are" if found.basis is Basis.ACCOUNT else "Value is"
    share = (end.at_last - end.invested) / end.invested
    words = filters.percent(abs(share), 0 if abs(share) * 10 >= 1 else 1)
    return f"{what} {words} {'below' if share < 0 else 'above'} what was put in"


def _today() -> date:
    return services().clock().date()
