"""What workers do when woken. The ids in a job are all it knows; the rows tell the rest."""

from __future__ import annotations

import logging
from typing import BinaryIO

from stonks import apart
from stonks.db import db
from stonks.services import services
from stonks.sync import pricing, runner

log = logging.getLogger(__name__)


def advance_run(run_id: int, step: int) -> None:
    """One step of a sync run. Needs an app context, which worker.py holds open.

    Nothing is raised: a queue keeps what a failed job raised in Redis, and a step that stumbles is tried again by the
    run's own rules, not by the queue's.
    """
    try:
        runner.advance(run_id, step, services().clock(), elsewhere=apart.start)
    except Exception:
        log.exception("run %s: step %s stumbled", run_id, step, extra={"run": run_id})
        _let_go(run_id, step)
    finally:
        db.session.remove()


def let_in(run_id: int, step: int, statement: BinaryIO | int) -> None:
    """The rest of such a step, in the process that it was handed over to."""
    try:
        runner.take_over(run_id, step, statement, services().clock())
    except Exception:
        log.exception("run %s: step %s stumbled", run_id, step, extra={"run": run_id})
        _let_go(run_id, step)
    finally:
        db.session.remove()


def fetch_prices(portfolio_id: int) -> None:
    """A part of a portfolio's round of prices. Nothing is raised: one that stumbles is due again when its lease ends."""
    try:
        pricing.fetch(portfolio_id, services().clock())
    except Exception:
        log.exception("prices of portfolio %s: stumbled", portfolio_id)
    finally:
        db.session.remove()


def _let_go(run_id: int, step: int) -> None:
    """Makes the step due again soon, instead of when its lease is over."""
    try:
        db.session.remove()
        runner.let_go(run_id, step, services().clock())
    except Exception:
        log.exception("run %s: waits for its lease to end", run_id, extra={"run": run_id})
