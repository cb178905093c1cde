"""How long answers took, counted since this process began: a histogram for /metrics."""

from __future__ import annotations

import time
from bisect import bisect_left
from itertools import accumulate
from threading import Lock

from flask import Flask, Response, current_app, g

BOUNDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10)  # seconds
_KEY = "stonks.latencies"


class Latencies:
    def __init__(self) -> None:
        self._lock = Lock()
        self._counts = [0] * (len(BOUNDS) + 1)
        self._sum = 0.0

    def add(self, seconds: float) -> None:
        with self._lock:
            self._counts[bisect_left(BOUNDS, seconds)] += 1
            self._sum += seconds

    def told(self) -> list[tuple[str, float]]:
        """(end of the name with labels, value), as Prometheus wants a histogram: each bucket with all smaller ones."""
        with self._lock:
            below, total = list(accumulate(self._counts)), self._sum
        buckets = [(f'_bucket{{le="{bound}"}}', count) for bound, count in zip((*BOUNDS, "+Inf"), below, strict=True)]
        return [*buckets, ("_sum", round(total, 6)), ("_count", below[-1])]


def init_app(app: Flask) -> None:
    """Each request is timed until its answer begins; what is streamed after that is not in it."""
    latencies = app.extensions[_KEY] = Latencies()

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def count(response: Response) -> Response:
        if "began" in g:
            latencies.add(time.perf_counter() - g.began)
        return response


def of_this_process() -> list[tuple[str, float]]:
    found: Latencies = current_app.extensions[_KEY]
    return found.told()
