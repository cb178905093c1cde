"""Which days are here: covered days as a timeline, gaps in words, and what closes each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from flask import Blueprint, Response, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

from stonks.brokers.contract import Broker
from stonks.core.errors import StonksError
from stonks.core.records import Period
from stonks.ledger import coverage as rows
from stonks.ledger import figures
from stonks.portfolio import coverage
from stonks.portfolio.coverage import UPLOAD, Gap, Line, Proof
from stonks.services import services
from stonks.sync import connecting, views, windows
from stonks.sync.states import ConnectionState
from stonks.sync.views import ConnectionView, RunView
from stonks.web import htmx
from stonks.web.connections import ASKING_LIMIT, marker
from stonks.web.pages import portfolio_page
from stonks.web.security import limiter, per_user
from stonks.web.timeline import Timeline, between, timeline

blueprint = Blueprint("coverage", __name__, url_prefix="/portfolios/<int:portfolio_id>/coverage")

RUNS_LOOKED_AT = 50
COMES_BY_ITSELF = 3  # business days at the end: a broker may be late by a day or two, more is a gap
PROOFS = {
    Proof.TOLD: "its statements say so",
    Proof.ROWS: "from the first to the last row",
    Proof.ASKED: "asked for; the statements don’t say which days they hold",
}


@dataclass(frozen=True, slots=True)
class Missing:
    """One gap, or the part of it that is closed in one way."""

    gap: Gap
    askable: bool  # the broker can be asked for it
    comes: datetime | None  # the automatic sync that will bring it
    files: list[Period]  # what to download, when it is out of reach
    tried: RunView | None  # the last run that asked for days of it


@dataclass(frozen=True, slots=True)
class Shown:
    line: Line
    picture: Timeline
    missing: list[Missing]

    @property
    def name(self) -> str:
        """ "" when there is nothing to tell it from."""
        return ", ".join(
            word for word in (self.line.account, self.line.currency and f"only {self.line.currency}") if word
        )


@blueprint.get("")
@login_required
def show(portfolio_id: int) -> ResponseReturnValue:
    return _page(portfolio_id)


@blueprint.post("/ask")
@login_required
@limiter.limit(ASKING_LIMIT, key_func=per_user)
def ask(portfolio_id: int) -> ResponseReturnValue:
    portfolio_page(portfolio_id)
    try:
        window = Period(*(date.fromisoformat(request.form.get(name, "")) for name in ("first", "last")))
        connecting.sync_now(portfolio_id, services().clock(), window)
    except ValueError:
        return _page(portfolio_id, "These are no days. Nothing was asked for; press the button beside a gap.")
    except StonksError as error:  # shown where the button is
        return _page(portfolio_id, str(error))
    if htmx.wants_fragment():
        return _page(portfolio_id)
    return htmx.go_to(url_for("coverage.show", portfolio_id=portfolio_id))


@blueprint.app_template_filter("between")
def _between(period: Period | Gap) -> str:
    return between(period.first, period.last)


def _page(portfolio_id: int, refusal: str = "") -> Response:
    page = portfolio_page(portfolio_id)
    view = views.connection(portfolio_id)
    seen = marker(view.running if view else None)
    if request.method == "GET" and htmx.wants_fragment() and request.args.get("seen") == seen:
        return htmx.unchanged()
    now, broker = services().clock(), views.broker_of(view)
    runs = views.runs(portfolio_id, RUNS_LOOKED_AT)
    shown = _shown(portfolio_id, view, broker, runs, now)
    body = render_template(
        "coverage/_days.html" if htmx.wants_fragment() else "coverage/page.html",
        page=page,
        portfolio_id=portfolio_id,
        connection=view,
        broker=broker,
        shown=shown,
        reach=windows.reach(broker, now),
        most_days=windows.MOST_DAYS,
        lacking=figures.lacking(page.portfolio) if shown else [],
        short=_short(runs),
        sources=_sources(view, broker),
        proofs=PROOFS,
        refusal=refusal,
        seen=seen,
    )
    response = make_response(body, 422 if refusal else 200)
    response.vary.add("HX-Request")
    return response


def _shown(
    portfolio_id: int, view: ConnectionView | None, broker: Broker, runs: list[RunView], now: datetime
) -> list[Shown]:
    connected = view is not None and view.state != ConnectionState.DISCONNECTED
    until = broker.last_business_day(now)
    found = coverage.lines(
        rows.spans(portfolio_id),
        only_currency=view.only_currency if view and connected else None,
        connected=connected,
        until=until,
        is_business_day=broker.is_business_day,
    )
    shown = []
    for line in found:
        can_ask = view is not None and view.state == ConnectionState.ACTIVE
        of_query = view is not None and (
            len(found) == 1 or windows.source_named(view.broker, view.public_fields) in line.sources
        )
        askers = view if can_ask and of_query else None
        missing = [part for gap in line.gaps for part in _parts(gap, askers, broker, runs, now)]
        shown.append(Shown(line, timeline(line, until), missing[::-1]))
    return shown


def _parts(
    gap: Gap, asking: ConnectionView | None, broker: Broker, runs: list[RunView], now: datetime
) -> list[Missing]:
    """`asking`: the connection whose query can be asked; None when there is none."""
    reach = windows.reach(broker, now)
    older, newer = coverage.split(gap, reach.first, broker.is_business_day)
    found = [] if older is None else [Missing(older, False, None, _files(older), _tried(older, runs))]
    if newer is not None:
        late = asking is not None and newer.to_the_end and newer.days <= COMES_BY_ITSELF
        comes = asking.next_run_at if asking and late else None
        files = [] if asking else _files(newer)
        found.append(Missing(newer, asking is not None and comes is None, comes, files, _tried(newer, runs)))
    return found


def _files(gap: Gap) -> list[Period]:
    return coverage.pieces(gap.first, gap.last, windows.MOST_DAYS)


def _tried(gap: Gap, runs: list[RunView]) -> RunView | None:
    return next(
        (
            run
            for run in runs
            if run.finished and run.window and run.window.first <= gap.last and run.window.last >= gap.first
        ),
        None,
    )


def _short(runs: list[RunView]) -> dict[str, str] | None:
    """The finding of the newest sync whose statement held less than was asked for."""
    newest = next((run for run in runs if run.state == "SUCCEEDED" and run.reason != "test"), None)
    findings = (newest.result or {}).get("findings", []) if newest else []
    return next((finding for finding in findings if finding["code"] == "period-short"), None)


def _sources(view: ConnectionView | None, broker: Broker) -> dict[str, str]:
    """Names of sources; one that is not here is an earlier query of the broker's."""
    named = {UPLOAD: "Uploaded files"}
    if view is not None:
        label = ", ".join(f"{one.label} {view.public_fields[one.name]}" for one in broker.fields if not one.secret)
        named[windows.source_named(view.broker, view.public_fields)] = f"Syncs, {label}"
    return named
