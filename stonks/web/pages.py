"""What every page of a portfolio shows around its content: whose it is, how its connection is, what needs a look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from flask import g, request, url_for
from flask_login import current_user
from markupsafe import Markup, escape

from stonks.ledger import portfolios, review
from stonks.ledger.tables import Portfolio
from stonks.services import services
from stonks.sync import views
from stonks.sync.states import ConnectionState
from stonks.sync.views import ConnectionView
from stonks.web import filters

MOST_BANNERS = 2
REMINDERS = (1, 7, 30)  # days before a token ends, each reminded of once


@dataclass(frozen=True, slots=True)
class Banner:
    label: str  # for a screen reader's list of regions
    tone: str  # "danger", "warning" or ""
    strong: str
    text: Markup
    action: str
    address: str
    dismiss: str = ""  # what to remember when the reminder is put off; "" = cannot be


@dataclass(frozen=True, slots=True)
class Chip:
    tone: str  # of the dot: "good", "bad", "waiting" or ""
    parts: tuple[Markup | str, ...]


@dataclass(frozen=True, slots=True)
class PortfolioPage:
    portfolio: Portfolio
    chip: Chip
    banners: tuple[Banner, ...]
    connected: bool
    synced: bool  # at least once, by this connection


def portfolio_page(portfolio_id: int) -> PortfolioPage:
    """For templates that extend portfolio/frame.html, as `page`. NotFound when it is not the signed-in user's."""
    portfolio = next((one for one in my_portfolios() if one.id == portfolio_id), None)
    if portfolio is None:
        portfolio = portfolios.get(current_user.id, portfolio_id)
    now = services().clock()
    connection = views.connection(portfolio.id)
    connected = connection is not None and connection.state != ConnectionState.DISCONNECTED
    return PortfolioPage(
        portfolio,
        _chip(connection, now),
        tuple(_banners(portfolio, connection, now)[:MOST_BANNERS]),
        connected,
        synced=connection is not None and connected and connection.last_success_at is not None,
    )


def my_portfolios() -> list[Portfolio]:
    """The signed-in user's, as they were when first asked for in this request."""
    if "my_portfolios" not in g:
        g.my_portfolios = portfolios.list_for(current_user.id)
    found: list[Portfolio] = g.my_portfolios
    return found


@dataclass(frozen=True, slots=True)
class PortfolioSummary:
    portfolio: Portfolio
    chip: Chip


def summaries(mine: Sequence[Portfolio]) -> list[PortfolioSummary]:
    """For the list of portfolios."""
    now = services().clock()
    return [PortfolioSummary(portfolio, _chip(views.connection(portfolio.id), now)) for portfolio in mine]


def reminder_cookie(portfolio_id: int) -> str:
    return f"reminded-{portfolio_id}"


def _broker_name(connection: ConnectionView) -> str:
    broker = services().brokers.get(connection.broker)
    return broker.name if broker else connection.broker


def _chip(connection: ConnectionView | None, now: datetime) -> Chip:
    if connection is None or connection.state == ConnectionState.DISCONNECTED:
        return Chip("", ("Not connected",))
    name = _broker_name(connection)
    if connection.unreadable:
        return Chip("bad", (name, "token can’t be opened"))
    if connection.state == ConnectionState.AUTH_FAILED:
        return Chip("bad", (name, "auth failed"))
    if connection.state == ConnectionState.QUERY_REJECTED:
        return Chip("bad", (name, "query rejected"))
    if connection.state == ConnectionState.LOCKED_OUT:
        return Chip("waiting", (name, "locked out"))
    if connection.state == ConnectionState.ACTIVATING:  # its run stays under way, and waits most of the time
        return Chip("waiting", (name, "token being activated"))
    if connection.running is not None:
        return Chip("waiting", (name, "syncing now"))
    if connection.last_success_at is None:
        return Chip("waiting", (name, "first sync to come", *_next(connection, now)))
    synced = Markup("synced {}").format(filters.ago(connection.last_success_at, now))
    return Chip("good", (name, synced, *_next(connection, now)))


def _next(connection: ConnectionView, now: datetime) -> list[Markup]:
    if connection.next_run_at is None:
        return []
    within_a_day = abs(connection.next_run_at - now).total_seconds() < 86400
    return [Markup("next {}").format((filters.clock if within_a_day else filters.moment)(connection.next_run_at))]


def _banners(portfolio: Portfolio, connection: ConnectionView | None, now: datetime) -> list[Banner]:
    """The most serious first."""
    settings = url_for("connections.settings", portfolio_id=portfolio.id)
    found = []
    if connection is not None:
        found += _trouble(connection, settings)
    news = review.banner(portfolio.id)
    if news is not None:
        found.append(
            Banner(
                label="New transactions",
                tone="",
                strong=_news_strong(news.new, news.problems),
                text=_news_text(news.new, news.problems, filters.ago(news.imported_at, now)),
                action="Review",
                address=url_for("reviews.show", portfolio_id=portfolio.id),
            )
        )
    if connection is not None and connection.state != ConnectionState.DISCONNECTED and connection.token_expires_on:
        found += _expiry(portfolio, connection.token_expires_on, now, settings)
    return found


def _trouble(connection: ConnectionView, settings: str) -> list[Banner]:
    if connection.state == ConnectionState.DISCONNECTED:
        return []
    why = escape(connection.state_message or "")
    if connection.unreadable:
        text = Markup(
            "The key that sealed it was lost or changed. Your transactions are untouched; paste the token again."
        )
        return [Banner("Connection", "danger", "The saved token can’t be opened.", text, "Paste the token", settings)]
    if connection.state in (ConnectionState.AUTH_FAILED, ConnectionState.QUERY_REJECTED):
        rejected = connection.state == ConnectionState.QUERY_REJECTED
        what = "Auth failed: the query was rejected." if rejected else "Auth failed."
        text = Markup("{} Automatic sync is stopped; your transactions are untouched.").format(why)
        return [Banner("Connection", "danger", what, text, "Fix the connection", settings)]
    if connection.state == ConnectionState.LOCKED_OUT:
        until = filters.moment(connection.locked_until) if connection.locked_until else ""
        text = Markup("{} Nothing is asked until {}.").format(why, until) if until else why
        return [Banner("Connection", "warning", "Locked out for now.", text, "See the connection", settings)]
    return []


def _news_strong(new: int, problems: int) -> str:
    if new:
        return filters.count(new, "new transaction")
    return filters.count(problems, "row") if problems else "Corrections"


def _news_text(new: int, problems: int, when: Markup) -> Markup:
    if not new and not problems:
        return Markup("to known transactions were imported {}.").format(when)
    if not new:
        return Markup("of the import {} could not be read.").format(when)
    text = Markup("{} imported {}").format("was" if new == 1 else "were", when)
    if problems:
        text += ", " + filters.count(problems, "row") + (" needs a look" if problems == 1 else " need a look")
    return text + "."


def _expiry(portfolio: Portfolio, ends: date, now: datetime, settings: str) -> list[Banner]:
    left = (ends - now.astimezone(UTC).date()).days
    stage = next((days for days in REMINDERS if left <= days), None)
    if stage is None:
        return []
    key = f"{ends.isoformat()}/{stage}"
    if left >= 0 and request.cookies.get(reminder_cookie(portfolio.id)) == key:
        return []
    day = filters.day(ends)
    if left < 0:
        strong, text = "The token has probably expired:", Markup("you noted {} as its last day.").format(day)
        return [Banner("Token", "warning", strong, text, "Renew it", settings)]
    when = {0: "today", 1: "tomorrow"}.get(left, f"in {left} days")
    text = Markup("on {}. Make a new one in time and syncing goes on without a gap.").format(day)
    return [Banner("Token", "warning", f"The token expires {when},", text, "Renew it", settings, dismiss=key)]
