"""The covered days of a portfolio as rows. What they mean is decided in portfolio/coverage.py.

Kept apart from import batches: a statement that brings nothing new makes no batch, and covers its days all the same.
"""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import delete, select

from stonks.core.records import Period, StatementSummary
from stonks.db import db, transaction
from stonks.ledger.tables import CoveredSpan
from stonks.portfolio.coverage import UPLOAD, Proof, Span, proven

_DAY = timedelta(days=1)


def note(
    portfolio_id: int,
    summary: StatementSummary,
    *,
    source: str,
    currency: str | None,
    asked: Period | None,
    until: date,
) -> None:
    """What an imported statement covers (see `proven`), for each account it names. Joins a surrounding transaction, and
    makes one of its own only when that was not known yet."""
    told = proven(summary.period, summary.period_is_stated, asked, until)
    accounts: tuple[str | None, ...] = summary.accounts or (None,)
    known = spans(portfolio_id)
    fresh = [
        Span(source, account and account[:64], currency, proof, *period)
        for account in accounts
        for proof, period in told
    ]
    fresh = [span for span in fresh if not any(_holds(old, span) for old in known)]
    if fresh:
        with transaction():
            for span in fresh:
                _write(portfolio_id, span)


def note_upload(portfolio_id: int, summary: StatementSummary, currency: str | None, until: date) -> None:
    """What an uploaded file covers. Uploading it again mends what a crash between import and this left out."""
    note(portfolio_id, summary, source=UPLOAD, currency=currency, asked=None, until=until)


def spans(portfolio_id: int) -> list[Span]:
    query = select(
        CoveredSpan.source, CoveredSpan.account, CoveredSpan.currency, CoveredSpan.proof,
        CoveredSpan.first, CoveredSpan.last,
    ).where(CoveredSpan.portfolio_id == portfolio_id)  # fmt: skip
    return [
        Span(source, account, currency, Proof(proof), first, last)
        for source, account, currency, proof, first, last in db.session.execute(query)
    ]


def _holds(old: Span, new: Span) -> bool:
    return old[:4] == new[:4] and old.first <= new.first and new.last <= old.last


def _write(portfolio_id: int, span: Span) -> None:
    """One row with all that it touches."""
    touching = db.session.scalars(
        select(CoveredSpan).where(
            CoveredSpan.portfolio_id == portfolio_id,
            CoveredSpan.source == span.source,
            CoveredSpan.account.is_not_distinct_from(span.account),
            CoveredSpan.currency.is_not_distinct_from(span.currency),
            CoveredSpan.proof == span.proof,
            CoveredSpan.first <= span.last + _DAY,
            CoveredSpan.last >= span.first - _DAY,
        )
    ).all()
    first = min((span.first, *(row.first for row in touching)))
    last = max((span.last, *(row.last for row in touching)))
    db.session.execute(delete(CoveredSpan).where(CoveredSpan.id.in_([row.id for row in touching])))
    whole = span._replace(first=first, last=last)
    db.session.add(CoveredSpan(portfolio_id=portfolio_id, **whole._asdict()))
    db.session.flush()
