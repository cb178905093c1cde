"""A statement brought by hand, as a page or the command line does: let in at once, and told in the history like a run.

No worker and no broker's call are in it; the reading and the way into the ledger are those of a sync.
"""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import datetime
from typing import BinaryIO

from stonks.core.errors import StatementUnreadable
from stonks.db import db, transaction
from stonks.ledger import archive, coverage, importing, repeats, snapshot
from stonks.ledger.importing import ImportOutcome
from stonks.ledger.repeats import ReadAs
from stonks.services import services
from stonks.sync import telling
from stonks.sync.states import Ending, RunState
from stonks.sync.tables import SyncRun

log = logging.getLogger(__name__)

UPLOAD = "upload"  # SyncRun.reason
_LONGEST_NAME = 200


def take_in(portfolio_id: int, body: BinaryIO, read_as: ReadAs, file_name: str) -> ImportOutcome:
    """Lets a file in, and notes what came of it. Raises StatementUnreadable (noted too; nothing was imported) and
    NotFound."""
    began = services().clock()
    file_name = file_name[-_LONGEST_NAME:]
    read_as = replace(read_as, origin=UPLOAD)
    try:
        compared = repeats.compare(portfolio_id, body, read_as)
    except StatementUnreadable as error:
        _note_refusal(portfolio_id, read_as, file_name, error, began)
        raise
    now = services().clock()
    with transaction():
        importing.lock(portfolio_id)
        kept = archive.keep(portfolio_id, body, origin=UPLOAD, now=now)
        outcome = compared.write(now=now, statement_id=kept, file_name=file_name)
        archive.mark_imported(kept, now)
        until = read_as.broker.last_business_day(now)
        coverage.note_upload(portfolio_id, outcome.summary, read_as.only_currency, until)
        run = _ended(portfolio_id, read_as, RunState.SUCCEEDED, began, now)
        run.batch_id, run.statement_id = outcome.batch_id, kept
        run.result = json.dumps(telling.of_import(outcome) | {"file_name": file_name})
        db.session.add(run)
    snapshot.catch_up(portfolio_id)
    return outcome


def _note_refusal(
    portfolio_id: int, read_as: ReadAs, file_name: str, error: StatementUnreadable, began: datetime
) -> None:
    log.info("upload into portfolio %s: statement unreadable (%s)", portfolio_id, error.reason)
    with transaction():
        importing.lock(portfolio_id)
        run = _ended(portfolio_id, read_as, RunState.FAILED, began, services().clock())
        run.failure, run.code, run.message = Ending.STATEMENT, error.reason, str(error)
        run.result = json.dumps({"file_name": file_name})
        db.session.add(run)


def _ended(portfolio_id: int, read_as: ReadAs, state: RunState, began: datetime, now: datetime) -> SyncRun:
    return SyncRun(
        portfolio_id=portfolio_id,
        broker=read_as.broker.code,
        reason=UPLOAD,
        state=state,
        queued_at=began,
        finished_at=now,
    )
