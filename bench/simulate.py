"""A day of many connections: how much work their syncs are, how many workers it takes, and how many it would take if
workers slept while the broker makes its statements. What a run does next is decided by the product's own `decide()`,
when it starts by the product's own windows and slots; time is simulated, and the outcome is the same every time.

Ten thousand runs that differ in what the broker does are played; of more connections, several have the same course.
Run: python -m bench.simulate [connections ...]
"""

from __future__ import annotations

import math
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random

from stonks.brokers.contract import Broker, Pending, Ticket
from stonks.brokers.errors import BrokerError, FailureKind
from stonks.brokers.registry import brokers
from stonks.config import read_settings
from stonks.sync.deciding import decide
from stonks.sync.states import LIVE, Arrived, Facts, NextSync, Outcome, Requested, RunState, Transition
from stonks.sync.timing import next_after, next_regular, slot_for

EVENING = datetime(2025, 11, 19, 23, tzinfo=UTC)
COURSES = 10_000
MOST_RUNS_A_DAY = 3
SLICE = 10  # seconds over which work may be spread: a step waits no longer than that for its worker

# What a step keeps a worker busy with, in seconds. The call's time is a guess at IBKR's; the rest is measured by
# bench/sync_overhead.py and bench/import_ledger.py for a day's statement of 1,100 rows.
CALL = 0.4
OVERHEAD = 0.01
DOWNLOAD_AND_IMPORT = 1.0

# The broker that is played: (share of statements, longest time in seconds until one is made).
MADE_WITHIN = ((0.55, 15), (0.30, 60), (0.12, 300), (0.02, 1_500), (0.01, 4_000))
REFUSED = (  # share of requests, kind, code
    (0.010, FailureKind.NOT_NOW, "1009"),
    (0.005, FailureKind.RATE_LIMITED, "1018"),
    (0.002, FailureKind.CREDENTIALS, "1012"),
    (0.001, FailureKind.QUERY, "1014"),
    (0.0005, FailureKind.LOCKED_OUT, "1025"),
)


@dataclass(slots=True)
class Course:
    """One connection's day, in seconds from its first start."""

    busy: list[tuple[float, float]] = field(default_factory=list)  # a worker is kept from, for so long
    runs: list[tuple[float, float]] = field(default_factory=list)  # from start to end: what a sleeping worker is kept
    requests: int = 0
    endings: Counter[str] = field(default_factory=Counter)


class PlayedBroker:
    """Answers one run's calls."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._ready_at: datetime | None = None

    def answer(self, state: RunState, now: datetime) -> Outcome:
        if state is RunState.QUEUED:
            refusal = self._refusal()
            if refusal is not None:
                return refusal
            self._ready_at = now + timedelta(seconds=self._making())
            return Requested(Ticket("4711"))
        return Arrived() if self._ready_at is not None and now >= self._ready_at else Pending(code="1019")

    def _refusal(self) -> BrokerError | None:
        drawn = self._chance.random()
        for share, kind, code in REFUSED:
            if drawn < share:
                return BrokerError(kind, code, f"Refused with {code}.")
            drawn -= share
        return None

    def _making(self) -> float:
        drawn, least = self._chance.random(), 1
        for share, longest in MADE_WITHIN:
            if drawn < share:
                return self._chance.uniform(least, longest)
            drawn, least = drawn - share, longest
        return least


def play(number: int, broker: Broker, start: datetime) -> Course:
    """The day of one connection, with the further runs of a day that a failed one gets."""
    course, chance, began = Course(), Random(number), start
    for run in range(1, MOST_RUNS_A_DAY + 1):
        last = _play_run(course, PlayedBroker(chance), start, began)
        ended = began + timedelta(seconds=course.runs[-1][1])
        course.endings[last.failure or "succeeded"] += 1
        if last.next_sync is not NextSync.HOURS:
            break
        again = next_after(last.next_sync, broker, slot_for(number), ended, None, requests_today=run)
        if again is None or again - start > timedelta(hours=20):
            break
        began = again
    return course


def _play_run(course: Course, broker: PlayedBroker, day_began: datetime, began: datetime) -> Transition:
    facts = Facts(RunState.QUEUED, "Interactive Brokers", timedelta(seconds=10), began, accepted=True)
    now = began
    while True:
        outcome = broker.answer(facts.state, now)
        seconds = OVERHEAD + CALL + (DOWNLOAD_AND_IMPORT if isinstance(outcome, Arrived) else 0)
        course.busy.append(((now - day_began).total_seconds(), seconds))
        course.requests += 1
        now += timedelta(seconds=seconds)
        transition = decide(facts, outcome, now)
        if transition.run not in LIVE:
            course.runs.append(((began - day_began).total_seconds(), (now - began).total_seconds()))
            return transition
        facts = replace(
            facts,
            state=transition.run,
            ticket_at=now if transition.ticket else facts.ticket_at,
            with_period=transition.with_period,
            started_over=transition.started_over,
        )
        now += transition.wait


def needed(spans: Counter[int]) -> int:
    """Workers for the busiest slice."""
    return math.ceil(max(spans.values()) / SLICE)


def spread(spans: Counter[int], start: float, seconds: float) -> None:
    """Adds a span of work to the slices in which it falls."""
    end = start + seconds
    while start < end:
        piece = int(start // SLICE)
        until = min(end, (piece + 1) * SLICE)
        spans[piece] += until - start  # type: ignore[assignment]
        start = until


def simulate(count: int, broker: Broker) -> None:
    courses: list[Course] = []
    busy: Counter[int] = Counter()
    asleep: Counter[int] = Counter()
    calls: Counter[int] = Counter()
    endings: Counter[str] = Counter()
    for number in range(1, count + 1):
        start = next_regular(broker, slot_for(number), EVENING, None)
        if number <= COURSES:
            courses.append(play(number, broker, start))
        course = courses[(number - 1) % len(courses)]
        offset = (start - EVENING).total_seconds()
        for at, seconds in course.busy:
            spread(busy, offset + at, seconds)
            calls[int(offset + at)] += 1
        for at, seconds in course.runs:
            spread(asleep, offset + at, seconds)
        endings.update(course.endings)
    total, slept = sum(busy.values()) / 3_600, sum(asleep.values()) / 3_600
    runs = endings.total()
    print(
        f"| {count:,} | {runs:,} | {100 * endings['succeeded'] / count:.1f} % | {calls.total() / runs:.1f} "
        f"| {max(calls.values())} | {total:,.1f} | {needed(busy):,} | {slept:,.1f} | {needed(asleep):,} "
        f"| 1/{needed(asleep) / needed(busy):.1f} |",
        flush=True,
    )


def main(sizes: tuple[int, ...]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        broker = brokers(read_settings({"STONKS_DATA": folder}))["ibkr"]
    print(
        "| Connections | Runs | In by evening | Requests a run | Requests a second, at most | Worker-hours "
        "| Workers | Worker-hours asleep | Workers that sleep | Share |\n|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    )
    for count in sizes:
        simulate(count, broker)


if __name__ == "__main__":
    main(tuple(int(size) for size in sys.argv[1:]) or (10_000, 100_000, 1_000_000))
