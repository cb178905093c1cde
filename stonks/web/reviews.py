"""Reading what the last imports brought, and pruning it. Everything here counts already; review approves nothing."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

from stonks.ledger import corrections, entries, review
from stonks.ledger.review import PendingReview
from stonks.ledger.tables import Amendment, Entry, ParkedRow
from stonks.services import services
from stonks.web import htmx, notices
from stonks.web.pages import PortfolioPage, portfolio_page
from stonks.web.row_numbers import row_number

blueprint = Blueprint("reviews", __name__, url_prefix="/portfolios/<int:portfolio_id>/review")

MOST_CHANGES = 100


@blueprint.get("")
@login_required
def show(portfolio_id: int) -> ResponseReturnValue:
    page = _without_its_own_banner(portfolio_page(portfolio_id))
    pending = review.pending(portfolio_id)
    return _varying(
        render_template(
            "review/page.html",
            page=page,
            notice=notices.notice(portfolio_id),
            portfolio_id=portfolio_id,
            pending=pending,
            corrections=corrections.of_entries(portfolio_id, [one for part in pending.batches for one in part.entries]),
            problems=[problem for part in pending.batches for problem in part.problems],
            changes=_changes(portfolio_id, pending),
            most_entries=review.MOST_ENTRIES,
        )
    )


@blueprint.post("/done")
@login_required
def done(portfolio_id: int) -> ResponseReturnValue:
    """Acknowledges what the page showed, and not what came in while it was being read."""
    portfolio_page(portfolio_id)
    up_to = request.form.get("up_to", type=row_number)
    if up_to is not None:
        review.acknowledge(portfolio_id, services().clock(), up_to)
    return htmx.go_to(url_for("overview.show", portfolio_id=portfolio_id))


@blueprint.post("/<int:entry_id>/discard")
@login_required
def discard(portfolio_id: int, entry_id: int) -> ResponseReturnValue:
    portfolio_page(portfolio_id)
    review.discard(portfolio_id, entry_id, services().clock())
    if not htmx.wants_fragment():  # which has an Undo in the row's place
        notices.remember(notices.discarded(entries.get(portfolio_id, entry_id), "Discarded", "review"))
    return _after_row(portfolio_id, "review/_discarded.html", entry_id)


@blueprint.post("/<int:entry_id>/restore")
@login_required
def restore(portfolio_id: int, entry_id: int) -> ResponseReturnValue:
    portfolio_page(portfolio_id)
    review.restore(portfolio_id, entry_id)
    if request.form.get("back") == "transactions":
        return htmx.go_to(url_for("transactions.index", portfolio_id=portfolio_id))
    return _after_row(portfolio_id, "review/_entry.html", entry_id)


@blueprint.post("/problems/<int:problem_id>/ignore")
@login_required
def ignore(portfolio_id: int, problem_id: int) -> ResponseReturnValue:
    portfolio_page(portfolio_id)
    problem = review.ignore_problem(portfolio_id, problem_id, services().clock())
    if not htmx.wants_fragment():  # which has an Undo in the row's place
        notices.remember(notices.ignored(problem))
    return _after_problem("review/_ignored.html", problem)


@blueprint.post("/problems/<int:problem_id>/keep")
@login_required
def keep(portfolio_id: int, problem_id: int) -> ResponseReturnValue:
    """Takes back an ignore."""
    portfolio_page(portfolio_id)
    return _after_problem("review/_problem.html", review.keep_problem(portfolio_id, problem_id))


def _changes(portfolio_id: int, pending: PendingReview) -> list[tuple[Amendment, Entry]]:
    """What later statements told otherwise, each with the entry that it is about."""
    amendments = [amendment for part in pending.batches for amendment in part.amendments][:MOST_CHANGES]
    return [(amendment, entries.get(portfolio_id, amendment.entry_id)) for amendment in amendments]


def _after_row(portfolio_id: int, fragment: str, entry_id: int) -> Response:
    """For htmx what stands in the row's place now, else the page again."""
    if not htmx.wants_fragment():
        return htmx.go_to(url_for("reviews.show", portfolio_id=portfolio_id))
    entry = entries.get(portfolio_id, entry_id)
    found = corrections.of_entries(portfolio_id, [entry])
    return _varying(render_template(fragment, entry=entry, portfolio_id=portfolio_id, corrections=found))


def _after_problem(fragment: str, problem: ParkedRow) -> Response:
    """For htmx what stands in the row's place now, else the page again."""
    if not htmx.wants_fragment():
        return htmx.go_to(url_for("reviews.show", portfolio_id=problem.portfolio_id))
    return _varying(render_template(fragment, problem=problem, portfolio_id=problem.portfolio_id))


def _without_its_own_banner(page: PortfolioPage) -> PortfolioPage:
    """The banner that leads here has nothing to say here."""
    return replace(page, banners=tuple(banner for banner in page.banners if banner.address != request.path))


def _varying(body: str) -> Response:
    response = make_response(body)
    response.vary.add("HX-Request")
    return response
