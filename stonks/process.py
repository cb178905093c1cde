"""What a long-running process does for itself: it ends when its supervisor is gone, says in Redis that it is alive, and
keeps the garbage collector from what stays.

The queue's own list of workers is not asked: after a flushed Redis it is empty although workers live.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

from redis import Redis, RedisError

log = logging.getLogger(__name__)

_BEAT_SECONDS = 5
_ALIVE_SECONDS = 20
_YOUNG_OBJECTS = 10_000  # Python's own 700 are fewer than one page's


def follow_parent() -> None:
    """Ends this process (SIGTERM) when its parent dies; a thread, for systems without a parent-death signal."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="follow-parent", daemon=True).start()


def settle() -> None:
    """To be called once all is loaded: it stays, so the garbage collector need not walk through it again and again,
    which took a fifth of an import."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 20, 20)


def give_way() -> None:
    """Others come first: on the processor, and (on Linux) when memory ends and the kernel looks for whom to kill."""
    os.nice(5)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


def keep_beating(redis: Redis, role: str) -> None:
    """Says every few seconds, from a thread, that a process of `role` ("worker", "scheduler") is alive."""

    def beat_for_ever() -> None:
        while True:
            try:
                beat(redis, role)
            except RedisError:
                log.debug("no heartbeat: Redis is away")
            time.sleep(_BEAT_SECONDS)

    threading.Thread(target=beat_for_ever, name=f"{role}-heartbeat", daemon=True).start()


def beat(redis: Redis, role: str) -> None:
    redis.set(f"stonks:alive:{role}:{os.uname().nodename}:{os.getpid()}", "1", ex=_ALIVE_SECONDS)


def alive(redis: Redis, role: str) -> int:
    """How many processes of `role` were alive in the last seconds. Raises RedisError."""
    return sum(1 for _ in redis.scan_iter(f"stonks:alive:{role}:*", count=500))
