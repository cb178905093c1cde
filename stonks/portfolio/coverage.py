"""Which days the imported statements cover, and which business days none of them does. Knows dates and nothing else.

A period that a statement tells is taken at its word. One that tells none covers from its first to its last row at most,
and what was asked for beyond its rows stays unproven: it is no gap, since asking again would bring the same, and it is
not called covered either. Days that are over only: a day under way may still bring transactions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from stonks.core.records import Period

UPLOAD = "upload"  # the source of files; any other source is one query at a broker
_DAY = timedelta(days=1)

IsBusinessDay = Callable[[date], bool]


class Proof(StrEnum):
    """How it is known that a statement covers its days, the best first."""

    TOLD = "told"  # the statement says so
    ROWS = "rows"  # its rows reach so far; a correction of an old day can make them reach too far
    ASKED = "asked"  # the broker was asked for these days, and the statement does not say which it holds


class Span(NamedTuple):
    """Days that statements of one source cover for one account and currency."""

    source: str
    account: str | None  # None: the statements name none
    currency: str | None  # the only one that was let in; None = all
    proof: Proof
    first: date
    last: date


class Gap(NamedTuple):
    first: date  # the first and the last business day of it
    last: date
    days: int  # business days
    to_the_end: bool  # nothing after it is covered


@dataclass(frozen=True, slots=True)
class Line:
    """What should be covered as a whole: an account, in one currency or in all."""

    account: str | None
    currency: str | None
    spans: list[Span]  # of each source and proof, earliest first, merged
    covered: list[Period]  # by whatever source, told or by rows
    unproven: list[Period]  # asked for and not covered
    gaps: list[Gap]

    @property
    def first(self) -> date:
        return min(span.first for span in self.spans)

    @property
    def sources(self) -> frozenset[str]:
        return frozenset(span.source for span in self.spans)


def proven(period: Period | None, is_told: bool, asked: Period | None, until: date) -> list[tuple[Proof, Period]]:
    """What one statement proves. `period`: as it tells it, else the span of its rows; `asked`: what the broker was asked
    for, None when it was left to choose or for a file; `until`: the last day that was over when it came."""
    if period is not None and is_told:
        return _as(Proof.TOLD, _clipped(period, None, until))
    rows = _clipped(period, asked, until) if period else None
    return _as(Proof.ROWS, rows) + _as(Proof.ASKED, _clipped(asked, None, until) if asked else None)


def lines(
    spans: Iterable[Span], *, only_currency: str | None, connected: bool, until: date, is_business_day: IsBusinessDay
) -> list[Line]:
    """What is covered, one line an account and currency. `only_currency`: what the connection lets in, None = all;
    `until`: the last business day that is over."""
    spans = list(spans)
    found = []
    for account in _accounts(spans):
        of_account = _of_account(spans, account)
        for currency in _currencies(of_account, only_currency, connected):
            chosen = [span for span in of_account if span.currency in (None, currency)]
            if chosen:
                found.append(_line(account, currency, chosen, until, is_business_day))
    return found


def merged(periods: Iterable[Period], is_business_day: IsBusinessDay) -> list[Period]:
    """Earliest first; periods with no business day between them become one."""
    found: list[Period] = []
    for period in sorted(periods):
        if found and _next_business_day(found[-1].last, is_business_day) >= period.first:
            found[-1] = Period(found[-1].first, max(found[-1].last, period.last))
        else:
            found.append(period)
    return found


def gaps(covered: Sequence[Period], until: date, is_business_day: IsBusinessDay) -> list[Gap]:
    """The business days up to `until` that lie between or after the `covered`, which are merged. None = none before."""
    if not covered:
        return []
    found = [
        _gap(before.last + _DAY, after.first - _DAY, False, is_business_day) for before, after in pairwise(covered)
    ]
    found.append(_gap(covered[-1].last + _DAY, until, True, is_business_day))
    return [gap for gap in found if gap is not None]


def split(gap: Gap, oldest: date, is_business_day: IsBusinessDay) -> tuple[Gap | None, Gap | None]:
    """The part of a gap before `oldest`, and the part from then on."""
    return (
        _gap(gap.first, min(gap.last, oldest - _DAY), gap.to_the_end and gap.last < oldest, is_business_day),
        _gap(max(gap.first, oldest), gap.last, gap.to_the_end, is_business_day),
    )


def pieces(first: date, last: date, most_days: int) -> list[Period]:
    """Consecutive periods of at most so many days that make up the whole."""
    found = []
    while first <= last:
        end = min(last, first + (most_days - 1) * _DAY)
        found.append(Period(first, end))
        first = end + _DAY
    return found


def missing(asked: Period, held: Period, is_business_day: IsBusinessDay) -> list[Gap]:
    """The business days of `asked` that `held` leaves out."""
    before = _gap(asked.first, min(asked.last, held.first - _DAY), False, is_business_day)
    after = _gap(max(asked.first, held.last + _DAY), asked.last, True, is_business_day)
    return [gap for gap in (before, after) if gap is not None]


def _as(proof: Proof, period: Period | None) -> list[tuple[Proof, Period]]:
    return [(proof, period)] if period else []


def _clipped(period: Period, to: Period | None, until: date) -> Period | None:
    first = max(period.first, to.first) if to else period.first
    last = min(period.last, to.last, until) if to else min(period.last, until)
    return Period(first, last) if first <= last else None


def _accounts(spans: list[Span]) -> list[str | None]:
    """Statements that name no account are of the one account that others name; beside several they stand alone."""
    named = sorted({span.account for span in spans if span.account})
    if not named or (len(named) > 1 and _of_account(spans, None)):
        return [*named, None]
    return [*named]


def _of_account(spans: list[Span], account: str | None) -> list[Span]:
    """A query's statements name the accounts that have rows in them: one it named once is in it from then on, also where
    nothing happened. A file is of the accounts that it names."""
    named = {span.account for span in spans if span.account}
    if len(named) < 2:
        return spans
    queries = {span.source for span in spans if span.source != UPLOAD and span.account}
    if account is None:
        return [span for span in spans if span.account is None and span.source not in queries]
    since = {
        query: min(span.first for span in spans if span.source == query and span.account == account)
        for query in queries
        if any(span.source == query and span.account == account for span in spans)
    }
    return [
        span._replace(first=max(span.first, since[span.source])) if span.source in since else span
        for span in spans
        if (span.source in since and span.last >= since[span.source])
        or (span.source not in queries and span.account == account)
    ]


def _currencies(spans: list[Span], only_currency: str | None, connected: bool) -> list[str | None]:
    """What is expected to be here: all currencies, or those that statements were limited to."""
    limited = sorted({span.currency for span in spans if span.currency})
    if only_currency is not None:
        return [*sorted({*limited, only_currency})]
    whole = connected or not limited or any(span.currency is None for span in spans)
    return [None] if whole else [*limited]


def _line(
    account: str | None, currency: str | None, spans: list[Span], until: date, is_business_day: IsBusinessDay
) -> Line:
    told_of: dict[tuple[str, Proof], list[Period]] = {}
    for span in spans:
        told_of.setdefault((span.source, span.proof), []).append(Period(span.first, span.last))
    shown = [
        Span(source, account, currency, proof, *period)
        for (source, proof), periods in told_of.items()
        for period in merged(periods, is_business_day)
    ]
    covered = merged(
        (Period(span.first, span.last) for span in shown if span.proof is not Proof.ASKED), is_business_day
    )
    held = merged((Period(span.first, span.last) for span in shown), is_business_day)
    return Line(
        account,
        currency,
        sorted(shown, key=lambda span: (span.first, span.last, span.source)),
        covered,
        _without(held, covered),
        gaps(held, until, is_business_day),
    )


def _without(held: list[Period], covered: list[Period]) -> list[Period]:
    found = []
    for whole in held:
        first = whole.first
        for part in covered:
            if part.last < first or part.first > whole.last:
                continue
            if part.first > first:
                found.append(Period(first, part.first - _DAY))
            first = part.last + _DAY
        if first <= whole.last:
            found.append(Period(first, whole.last))
    return found


def _next_business_day(day: date, is_business_day: IsBusinessDay) -> date:
    day += _DAY
    while not is_business_day(day):
        day += _DAY
    return day


def _gap(first: date, last: date, to_the_end: bool, is_business_day: IsBusinessDay) -> Gap | None:
    """Narrowed to its business days; None when there is none."""
    days = [day for day in (first + number * _DAY for number in range((last - first).days + 1)) if is_business_day(day)]
    return Gap(days[0], days[-1], len(days), to_the_end) if days else None
