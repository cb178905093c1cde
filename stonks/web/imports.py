"""Uploading a statement by hand: the same reading, the same identity and the same way in as a sync."""

from __future__ import annotations

from datetime import date
from typing import BinaryIO, cast

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue
from flask_login import login_required
from werkzeug.datastructures import FileStorage

from stonks.core.errors import InvalidInput, StatementUnreadable
from stonks.ledger.importing import ImportOutcome
from stonks.ledger.repeats import ReadAs
from stonks.services import services
from stonks.sync import uploading, views
from stonks.web import htmx
from stonks.web.connect_form import DATE_ORDERS
from stonks.web.pages import PortfolioPage, portfolio_page
from stonks.web.security import limiter, per_user

blueprint = Blueprint("imports", __name__, url_prefix="/portfolios/<int:portfolio_id>")


@blueprint.get("/import")
@login_required
def show(portfolio_id: int) -> ResponseReturnValue:
    return _page(portfolio_page(portfolio_id))


@blueprint.post("/import")
@login_required
@limiter.limit("30 per minute", key_func=per_user)
def upload(portfolio_id: int) -> ResponseReturnValue:
    page = portfolio_page(portfolio_id)
    file = request.files.get("statement")
    if file is None or not file.filename:
        return _page(page, missing="Choose a file first.", code=422)
    currency = request.form.get("only_currency", "").strip().upper()
    try:
        outcome = _let_in(portfolio_id, file, currency or None, DATE_ORDERS.get(request.form.get("date_order", "")))
    except StatementUnreadable as refusal:
        return _page(page, file_name=file.filename, refusal=str(refusal), code=422)
    except InvalidInput as refusal:
        return _page(page, currency_error=str(refusal), code=422)
    # The banner is of what is there now.
    return _page(portfolio_page(portfolio_id), file_name=file.filename, outcome=outcome)


def _let_in(portfolio_id: int, file: FileStorage, currency: str | None, day_first: bool | None) -> ImportOutcome:
    if currency and not (len(currency) == 3 and currency.isascii() and currency.isalpha()):
        raise InvalidInput({"only_currency": "A currency has three letters, like USD."})
    read_as = ReadAs(views.broker_of(views.connection(portfolio_id)), currency, day_first)
    return uploading.take_in(portfolio_id, cast(BinaryIO, file.stream), read_as, file.filename or "")


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _page(page: PortfolioPage, *, code: int = 200, **values: object) -> Response:
    view = views.connection(page.portfolio.id)
    broker = views.broker_of(view)
    sent = request.method == "POST"
    return htmx.render(
        "import/page.html",
        "import/_outcome.html",
        code,
        page=page,
        broker=broker,
        portfolio_id=page.portfolio.id,
        only_currency=request.form.get("only_currency", "") if sent else (view.only_currency if view else "") or "",
        date_order=request.form.get("date_order", ""),
        most_megabytes=services().settings.max_upload_bytes // (1024 * 1024),
        wanted=[_day(request.args.get(name, "")) for name in ("since", "until")],
        oob=htmx.wants_fragment(),
        **values,
    )
