"""Whether a step's call may go now: the token's allowance, counted at the moment of the call, and noted in the run."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from redis import RedisError

from stonks.db import transaction
from stonks.services import services
from stonks.sync import allowance, runs
from stonks.sync.states import LIVE, RunState
from stonks.sync.step import Step

log = logging.getLogger(__name__)

_PROMPT = timedelta(milliseconds=100)  # between counting a call and making it
_REDIS_AWAY = timedelta(seconds=15)


def wait_before_call(this: Step) -> timedelta | None:
    """Zero = the call is counted and noted, and may go now. None: it may not go at all, since the run was ended or taken
    over since the step was claimed.

    By the clock at this moment: the claim may have waited long for the database, and so may the note; then what was
    counted is over, and the call is counted again."""
    counted_at = services().clock()
    wait = _distance(this, counted_at)
    if wait > timedelta(0):
        return wait
    if not _note_call(this, counted_at):
        return None
    now = services().clock()
    return _distance(this, now) if abs(now - counted_at) > _PROMPT else timedelta(0)


def _distance(this: Step, now: datetime) -> timedelta:
    """How long the token's allowance wants this call to wait; zero = it is counted and may go."""
    if this.allowance is None:
        return timedelta(0)
    instead = services().redis_clock
    try:
        last_known = runs.last_call(this.allowance)
        request = f"{this.run_id}-{this.claimed}"
        return allowance.take(services().redis, this.allowance, request, now, last_known, instead and instead())
    except RedisError as error:
        log.warning("run %s: Redis is away (%s)", this.run_id, type(error).__name__, extra=this.ids)
        return _REDIS_AWAY


def _note_call(this: Step, now: datetime) -> bool:
    """Before the call: what a dead worker asked for counts too. False when the step is this worker's no longer."""
    with transaction():
        run = runs.locked_run(this.run_id)
        if run is None or run.step != this.claimed or run.state not in LIVE:
            return False
        run.called_at = now
        run.requests += this.state is RunState.QUEUED
    return True
