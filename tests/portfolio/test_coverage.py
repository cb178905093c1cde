"""Covered days and gaps, by dates alone. 2026: 19 January is a Monday; business days are Monday to Friday here."""

from __future__ import annotations

import random
from datetime import date, timedelta
from itertools import pairwise

import pytest

from stonks.core.records import Period
from stonks.portfolio.coverage import (
    UPLOAD,
    Gap,
    Line,
    Proof,
    Span,
    gaps,
    lines,
    merged,
    missing,
    pieces,
    proven,
    split,
)

QUERY = "ibkr:1234567"
UNTIL = date(2026, 1, 30)


def weekday(day: date) -> bool:
    return day.weekday() < 5


def on(day: int, month: int = 1) -> date:
    return date(2026, month, day)


def span(
    first: int, last: int, *, source: str = QUERY, account: str | None = None, currency: str | None = None,
    proof: Proof = Proof.TOLD,
) -> Span:  # fmt: skip
    return Span(source, account, currency, proof, on(first), on(last))


def found(*spans: Span, only_currency: str | None = None, connected: bool = True) -> list[Line]:
    return lines(spans, only_currency=only_currency, connected=connected, until=UNTIL, is_business_day=weekday)


def days_of(gap: Gap) -> tuple[int, int, int]:
    return gap.first.day, gap.last.day, gap.days


def test_periods_that_overlap_or_touch_are_one() -> None:
    periods = [Period(on(13), on(14)), Period(on(5), on(7)), Period(on(8), on(9)), Period(on(14), on(20))]
    assert merged(periods, weekday) == [Period(on(5), on(9)), Period(on(13), on(20))]
    assert merged([Period(on(5), on(6)), Period(on(8), on(9))], weekday) == [
        Period(on(5), on(6)),
        Period(on(8), on(9)),
    ]


def test_a_weekend_between_two_statements_is_no_gap() -> None:
    assert merged([Period(on(5), on(9)), Period(on(12), on(16))], weekday) == [Period(on(5), on(16))]


def test_a_holiday_beside_a_weekend_is_no_gap_either() -> None:
    def closed_on_monday(day: date) -> bool:
        return weekday(day) and day != on(12)

    periods = [Period(on(5), on(9)), Period(on(13), on(16))]
    assert merged(periods, closed_on_monday) == [Period(on(5), on(16))]
    assert len(merged(periods, weekday)) == 2


def test_a_gap_is_named_by_its_business_days() -> None:
    (line,) = found(span(2, 8), span(20, 30))
    assert [days_of(gap) for gap in line.gaps] == [(9, 19, 7)]
    assert not line.gaps[0].to_the_end


def test_days_after_the_last_statement_are_a_gap_to_the_end() -> None:
    (line,) = found(span(2, 23))
    assert [days_of(gap) for gap in line.gaps] == [(26, 30, 5)]
    assert line.gaps[0].to_the_end
    assert found(span(2, 30))[0].gaps == []


def test_days_before_the_first_statement_are_no_gap() -> None:
    assert found(span(28, 30))[0].gaps == []
    assert gaps([], UNTIL, weekday) == []


def test_a_file_fills_what_the_query_left_out() -> None:
    (line,) = found(span(2, 8), span(20, 30), span(9, 19, source=UPLOAD))
    assert line.gaps == []
    assert line.covered == [Period(on(2), on(30))]
    assert line.sources == {QUERY, UPLOAD}


def test_a_statement_that_tells_its_period_is_taken_at_its_word_up_to_the_last_finished_day() -> None:
    told = Period(on(5), on(31))
    assert proven(told, True, None, on(30)) == [(Proof.TOLD, Period(on(5), on(30)))]
    assert proven(told, True, Period(on(1), on(30)), on(30)) == [(Proof.TOLD, Period(on(5), on(30)))]
    assert proven(told, True, None, on(2)) == []


def test_a_statement_without_a_period_covers_its_rows_and_proves_no_more_of_what_was_asked() -> None:
    rows, asked = Period(on(7), on(20)), Period(on(2), on(30))
    assert proven(rows, False, None, on(30)) == [(Proof.ROWS, rows)]
    assert proven(rows, False, asked, on(30)) == [(Proof.ROWS, rows), (Proof.ASKED, asked)]
    assert proven(None, False, asked, on(30)) == [(Proof.ASKED, asked)]
    assert proven(None, False, None, on(30)) == []


def test_a_correction_of_an_old_day_stretches_nothing_beyond_what_was_asked() -> None:
    rows = Period(date(2025, 3, 3), on(20))
    assert proven(rows, False, Period(on(12), on(23)), on(30))[0] == (Proof.ROWS, Period(on(12), on(20)))


def test_unproven_days_are_neither_covered_nor_a_gap() -> None:
    (line,) = found(span(7, 20, proof=Proof.ROWS), span(2, 30, proof=Proof.ASKED))
    assert line.gaps == []
    assert line.covered == [Period(on(7), on(20))]
    assert line.unproven == [Period(on(2), on(6)), Period(on(21), on(30))]


def test_several_accounts_have_a_line_each() -> None:
    one, two = found(span(2, 30, source=UPLOAD, account="U1"), span(2, 23, source=UPLOAD, account="U2"))
    assert (one.account, one.gaps) == ("U1", [])
    assert (two.account, [days_of(gap) for gap in two.gaps]) == ("U2", [(26, 30, 5)])


def test_statements_that_name_no_account_are_of_the_only_one_there_is() -> None:
    (line,) = found(span(2, 16, source=UPLOAD, account="U1"), span(12, 30))
    assert (line.account, line.gaps) == ("U1", [])


def test_beside_several_accounts_a_file_that_names_none_stands_alone() -> None:
    shown = found(*(span(2, 30, account=name) for name in ("U1", "U2")), span(2, 23, source=UPLOAD))
    assert [line.account for line in shown] == ["U1", "U2", None]
    assert [len(line.gaps) for line in shown] == [0, 0, 1]


def test_a_query_covers_an_account_that_it_named_once_from_then_on() -> None:
    shown = found(span(2, 16, account="U1"), span(12, 16, account="U2"), span(17, 30, account="U1"))
    assert [(line.account, line.covered) for line in shown] == [
        ("U1", [Period(on(2), on(30))]),
        ("U2", [Period(on(12), on(30))]),
    ]


def test_a_statement_limited_to_a_currency_covers_that_currency_only() -> None:
    limited = span(17, 30, currency="EUR")
    (everything,) = found(span(2, 16), limited)
    assert [days_of(gap) for gap in everything.gaps] == [(19, 30, 10)]
    (euros,) = found(span(2, 16), limited, only_currency="EUR")
    assert (euros.currency, euros.gaps) == ("EUR", [])


def test_without_a_connection_the_files_say_which_currencies_are_expected() -> None:
    euros, dollars = span(2, 30, source=UPLOAD, currency="EUR"), span(2, 23, source=UPLOAD, currency="USD")
    shown = found(euros, dollars, connected=False)
    assert [(line.currency, len(line.gaps)) for line in shown] == [("EUR", 0), ("USD", 1)]
    assert [line.currency for line in found(euros, dollars, span(2, 5), connected=False)] == [None]


def test_a_gap_is_split_where_a_request_reaches_back_to() -> None:
    gap = Gap(on(5), on(16), 10, False)
    assert split(gap, on(1), weekday) == (None, gap)
    assert split(gap, on(17), weekday) == (gap, None)
    older, newer = split(gap, on(10), weekday)
    assert older == Gap(on(5), on(9), 5, False)
    assert newer == Gap(on(12), on(16), 5, False)


def test_pieces_make_up_the_whole() -> None:
    whole = pieces(date(2020, 1, 1), date(2022, 6, 30), 365)
    assert (whole[0].first, whole[-1].last) == (date(2020, 1, 1), date(2022, 6, 30))
    assert all((piece.last - piece.first).days < 365 for piece in whole)
    assert all(after.first - before.last == timedelta(days=1) for before, after in pairwise(whole))


def test_what_was_asked_for_and_did_not_come_is_named_but_no_weekend() -> None:
    asked = Period(on(5), on(25))
    assert missing(asked, Period(on(5), on(23)), weekday) == []
    assert [days_of(gap) for gap in missing(asked, Period(on(12), on(21)), weekday)] == [(5, 9, 5), (22, 23, 2)]
    assert [days_of(gap) for gap in missing(asked, Period(on(26), on(30)), weekday)] == [(5, 23, 15)]


@pytest.mark.parametrize("seed", range(20))
def test_every_business_day_is_covered_unproven_or_in_a_gap(seed: int) -> None:
    dice = random.Random(seed)
    spans = []
    for _ in range(dice.randrange(1, 9)):
        first = on(1) - timedelta(days=dice.randrange(300))
        last = first + timedelta(days=dice.randrange(40))
        spans.append(Span(dice.choice((QUERY, UPLOAD)), None, None, dice.choice(list(Proof)), first, min(last, UNTIL)))
    (line,) = found(*spans)
    named = 0
    for number in range((UNTIL - line.first).days + 1):
        day = line.first + timedelta(days=number)
        if not weekday(day):
            continue
        held = any(one.first <= day <= one.last for one in spans)
        assert held != any(gap.first <= day <= gap.last for gap in line.gaps)
        assert held == any(one.first <= day <= one.last for one in (*line.covered, *line.unproven))
        named += not held
    assert sum(gap.days for gap in line.gaps) == named
