"""The prices that holdings are valued at, and uploading some of one's own."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from typing import NamedTuple

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

from stonks.ledger import figures, folding, price_file, prices
from stonks.ledger.figures import Holding, Stale
from stonks.ledger.price_file import PriceFile, PricesUnreadable
from stonks.ledger.prices import Saved
from stonks.ledger.tables import Portfolio
from stonks.portfolio.valuation import UPLOADED, Instrument, Price
from stonks.services import services
from stonks.sync import pricing
from stonks.web.pages import portfolio_page
from stonks.web.security import limiter, per_user

blueprint = Blueprint("prices", __name__, url_prefix="/portfolios/<int:portfolio_id>/prices")


class Quoted(NamedTuple):
    instrument: Instrument
    price: Price | None
    old: bool


class Outcome(NamedTuple):
    saved: Saved
    file: PriceFile


@blueprint.get("")
@login_required
def show(portfolio_id: int) -> ResponseReturnValue:
    return _page(portfolio_id)


@blueprint.post("")
@login_required
@limiter.limit("30 per minute", key_func=per_user)
def upload(portfolio_id: int) -> ResponseReturnValue:
    page = portfolio_page(portfolio_id)
    file = request.files.get("prices")
    if file is None or not file.filename:
        return _page(portfolio_id, error="Choose a file first."), 422
    try:
        found = price_file.read_prices(file.stream.read(), _known(page.portfolio), services().clock().date())
    except PricesUnreadable as refusal:
        return _page(portfolio_id, error=str(refusal)), 422
    saved = prices.save(portfolio_id, UPLOADED, found.quotes)
    return _page(portfolio_id, outcome=Outcome(saved, found))


@blueprint.post("/remove")
@login_required
def remove(portfolio_id: int) -> ResponseReturnValue:
    """Forgets one uploaded price; the next best one counts again."""
    portfolio_page(portfolio_id)
    with suppress(ValueError):
        on = date.fromisoformat(request.form.get("on", ""))
        prices.remove(portfolio_id, UPLOADED, request.form.get("key", ""), on)
    return redirect(url_for("prices.show", portfolio_id=portfolio_id), 303)


def _known(portfolio: Portfolio) -> list[Instrument]:
    """What prices may be of. A file is not sent twice because the figures are just being reckoned."""
    try:
        return figures.instruments(portfolio)
    except Stale:
        return folding.instruments(portfolio.id)


def _page(portfolio_id: int, *, error: str = "", outcome: Outcome | None = None) -> str:
    page = portfolio_page(portfolio_id)
    quoted: list[Quoted] | None = None
    try:
        quoted = _quoted(figures.holdings(page.portfolio, services().clock().date()))
    except Stale:
        if not (error or outcome):
            raise
    return render_template(
        "prices/page.html",
        page=page,
        quoted=quoted,
        error=error,
        outcome=outcome,
        uploaded=UPLOADED,
        source=pricing.view(portfolio_id),
    )


def _quoted(held: list[Holding]) -> list[Quoted]:
    """By symbol."""
    shown = [Quoted(one.valued.instrument, one.valued.price, one.valued.old_price) for one in held]
    return sorted(shown, key=lambda one: one.instrument.symbol)
