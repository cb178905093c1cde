"""What a run brought, as the page will tell it: the JSON kept in SyncRun.result."""

from __future__ import annotations

from typing import Any

from stonks.core.records import Finding, StatementSummary
from stonks.ledger.importing import ImportOutcome


def of_statement(summary: StatementSummary) -> dict[str, Any]:
    """What the statement holds; `period` is [first, last] in ISO dates or None."""
    return {
        "format": summary.format,
        "period": [summary.period.first.isoformat(), summary.period.last.isoformat()] if summary.period else None,
        "period_is_stated": summary.period_is_stated,
        "trades": summary.trades,
        "cash": summary.cash,
        "dividends": summary.dividends,
        "conversions": summary.conversions,
        "others": summary.others,
        "problems": summary.problems,
        "rows": summary.rows,
        "accounts": list(summary.accounts),
        "currencies": list(summary.currencies),
        "date_order_is_guess": summary.date_order_is_guess,
        "warnings": list(summary.warnings),
        "findings": [finding._asdict() for finding in summary.findings],
    }


def of_import(outcome: ImportOutcome, finding: Finding | None = None) -> dict[str, Any]:
    """The statement's facts, and what of it was new. `problems` counts rows not seen before. `finding`: one of the run's
    own."""
    told = of_statement(outcome.summary)
    return {
        **told,
        "findings": [*([finding._asdict()] if finding else []), *told["findings"]],
        "new": outcome.new,
        "known": outcome.known,
        "amended": outcome.amended,
        "problems": outcome.problems,
        "cleared": outcome.cleared,
        "same_as": outcome.same_as.isoformat() if outcome.same_as else None,
    }
