"""A portfolio's settings page: connecting a broker, testing that, how the connection is, syncing now."""

from __future__ import annotations

from datetime import timedelta
from zlib import crc32

from flask import Blueprint, Response, abort, make_response, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

from stonks.brokers.contract import Broker
from stonks.core.errors import StonksError
from stonks.services import services
from stonks.sync import connecting, views
from stonks.sync.views import ConnectionView, RunView
from stonks.web import htmx
from stonks.web.connect_form import ConnectForm, from_connection, from_request
from stonks.web.pages import PortfolioPage, portfolio_page
from stonks.web.row_numbers import row_number
from stonks.web.security import limiter, per_user

blueprint = Blueprint("connections", __name__, url_prefix="/portfolios/<int:portfolio_id>")

ASKING_LIMIT = "15 per minute; 120 per hour"  # each one asks the broker for a statement

RUNS_SHOWN = 10
HISTORY_SHOWN = 50
TESTED = "tested"  # in the session: what was typed beside a token, for the page that shows the test's result


@blueprint.get("/settings")
@login_required
def settings(portfolio_id: int) -> ResponseReturnValue:
    page = portfolio_page(portfolio_id)
    view = views.connection(portfolio_id)
    form = from_connection(_broker_asked_for(request.args.get("broker"), view), view)
    run_id = request.args.get("test", type=row_number)
    run = views.tested(portfolio_id, run_id) if run_id else None
    if run:
        _recall(form, portfolio_id, run_id)
    return _settings_page(page, view, form, run=run)


@blueprint.post("/settings/save")
@login_required
def save(portfolio_id: int) -> ResponseReturnValue:
    page = portfolio_page(portfolio_id)
    form = from_request(_broker_asked_for(request.form.get("broker"), None), request.form)
    with form.beside_fields():
        disconnects = connecting.disconnects(portfolio_id, form.broker.code, form.credentials)
        connecting.save(
            portfolio_id,
            form.broker.code,
            form.credentials,
            only_currency=form.only_currency or None,
            token_expires_on=None if disconnects else form.expiry,
            day_first=form.day_first,
            now=services().clock(),
        )
        return htmx.go_to(url_for("connections.settings", portfolio_id=portfolio_id))
    view = views.connection(portfolio_id)
    return _settings_page(page, view, form.shown_again(view), status=422)


@blueprint.post("/settings/test")
@login_required
@limiter.limit(ASKING_LIMIT, key_func=per_user)
def test(portfolio_id: int) -> ResponseReturnValue:
    """Starts a test and shows it under way; the form stays as it is, except without JavaScript, where the page loads
    anew and a typed token must be pasted again."""
    page = portfolio_page(portfolio_id)
    form = from_request(_broker_asked_for(request.form.get("broker"), None), request.form)
    with form.beside_fields():
        run_id = connecting.start_test(
            portfolio_id,
            form.broker.code,
            form.credentials,
            only_currency=form.only_currency or None,
            day_first=form.day_first,
            now=services().clock(),
        )
        if htmx.wants_fragment():
            return _test_fragment(portfolio_id, views.tested(portfolio_id, run_id))
        _remember(form.shown_again(views.connection(portfolio_id)), portfolio_id, run_id)
        return htmx.go_to(
            url_for("connections.settings", portfolio_id=portfolio_id, test=run_id, _anchor="connection-test")
        )
    if htmx.wants_fragment():
        return _varying(render_template("connection/_refused.html", form=form), 422)
    view = views.connection(portfolio_id)
    return _settings_page(page, view, form.shown_again(view), status=422)


@blueprint.get("/settings/save")
@blueprint.get("/settings/test")
@blueprint.get("/sync")
@login_required
def form_again(portfolio_id: int) -> ResponseReturnValue:
    """The address of a refused form, opened anew: from the address bar, or on coming back from signing in."""
    portfolio_page(portfolio_id)
    return htmx.go_to(url_for("connections.settings", portfolio_id=portfolio_id))


@blueprint.get("/settings/test/<int:run_id>")
@login_required
def test_status(portfolio_id: int, run_id: int) -> ResponseReturnValue:
    portfolio_page(portfolio_id)
    return _test_fragment(portfolio_id, views.tested(portfolio_id, run_id))


@blueprint.post("/sync")
@login_required
@limiter.limit(ASKING_LIMIT, key_func=per_user)
def sync_now(portfolio_id: int) -> ResponseReturnValue:
    portfolio_page(portfolio_id)
    refusal = ""
    try:
        connecting.sync_now(portfolio_id, services().clock())
    except StonksError as error:  # shown where the button is, with the state that explains it
        refusal = str(error)
    if htmx.wants_fragment() or refusal:
        return _status(portfolio_id, refusal)
    return htmx.go_to(url_for("connections.settings", portfolio_id=portfolio_id))


@blueprint.get("/status")
@login_required
def status(portfolio_id: int) -> ResponseReturnValue:
    return _status(portfolio_id)


@blueprint.app_template_filter()
def duration(span: timedelta) -> str:
    """How long a run took: 6 s, 1 min 20 s, 2 h 5 min."""
    seconds = max(1, round(span.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s" if seconds else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def marker(run: RunView | None) -> str:
    """Changes when what the page says about a run changes: a poll that brings nothing new is answered with 204, so
    that nothing flickers and a screen reader hears each step once."""
    return format(crc32(repr((run.id, run.state, run.waiting_for)).encode()), "x") if run else "none"


def _status(portfolio_id: int, refusal: str = "") -> Response:
    page = portfolio_page(portfolio_id)
    view = views.connection(portfolio_id)
    code = 422 if refusal else 200
    if not htmx.wants_fragment():
        form = from_connection(_broker_asked_for(None, view), view)
        return _settings_page(page, view, form, refusal=refusal, status=code)
    values = _status_values(portfolio_id, view)
    if request.method == "GET" and request.args.get("seen") == values["status_marker"]:
        return _varying("", 204)
    return _varying(render_template("connection/_status.html", page=page, **values, refusal=refusal, oob=True), code)


def _test_fragment(portfolio_id: int, run: RunView) -> Response:
    if request.method == "GET" and not htmx.wants_fragment():
        return htmx.go_to(
            url_for("connections.settings", portfolio_id=portfolio_id, test=run.id, _anchor="connection-test")
        )
    if request.args.get("seen") == marker(run):
        return _varying("", 204)
    body = render_template(
        "connection/_test.html",
        portfolio_id=portfolio_id,
        run=run,
        marker=marker(run),
        connection=views.connection(portfolio_id),
    )
    return _varying(body, 200)


def _settings_page(
    page: PortfolioPage,
    view: ConnectionView | None,
    form: ConnectForm,
    *,
    run: RunView | None = None,
    refusal: str = "",
    status: int = 200,
) -> Response:
    portfolio_id = page.portfolio.id
    runs = views.runs(portfolio_id, RUNS_SHOWN)
    return _varying(
        render_template(
            "connection/settings.html",
            page=page,
            form=form,
            brokers=services().brokers,
            run=run,
            test_marker=marker(run),
            again=url_for("connections.settings", portfolio_id=portfolio_id, test=run.id) if run else "",
            asks_date_order=bool(form.date_order) or _guessed_dates(run) or any(map(_guessed_dates, runs[:1])),
            portfolio_id=portfolio_id,
            refusal=refusal,
            **_status_values(portfolio_id, view),
        ),
        status,
    )


def _status_values(portfolio_id: int, view: ConnectionView | None) -> dict[str, object]:
    broker = services().brokers.get(view.broker) if view else None
    runs = [run for run in views.runs(portfolio_id, RUNS_SHOWN) if run.reason != "test"]
    return {
        "connection": view,
        "broker": broker,
        "runs": runs,
        "history": views.history(portfolio_id, HISTORY_SHOWN),
        "status_marker": marker(view.running if view else None),
    }


def _guessed_dates(run: RunView | None) -> bool:
    return bool(run and run.result and run.result.get("date_order_is_guess"))


def _broker_asked_for(code: str | None, view: ConnectionView | None) -> Broker:
    brokers = services().brokers
    if not code:
        return views.broker_of(view)
    if code not in brokers:
        abort(404)
    return brokers[code]


def _remember(form: ConnectForm, portfolio_id: int, run_id: int) -> None:
    public = {one.name: form.credentials.get(one.name, "") for one in form.broker.fields if not one.secret}
    # The cookie is signed, not sealed: no secret may go in.
    session[TESTED] = {
        "portfolio": portfolio_id,
        "run": run_id,
        "fields": public,
        "retype": sorted(form.retype),
        "only_currency": form.only_currency,
        "token_expires_on": form.token_expires_on,
        "date_order": form.date_order,
    }


def _recall(form: ConnectForm, portfolio_id: int, run_id: int | None) -> None:
    kept = session.get(TESTED)
    if not kept or (kept["portfolio"], kept["run"]) != (portfolio_id, run_id):
        return
    form.retype = frozenset(kept["retype"])
    form.credentials |= kept["fields"] | dict.fromkeys(kept["retype"], "")
    form.only_currency = kept["only_currency"]
    form.token_expires_on = kept["token_expires_on"]
    form.date_order = kept["date_order"]


def _varying(body: str, code: int) -> Response:
    response = make_response(body, code)
    response.vary.add("HX-Request")
    return response
