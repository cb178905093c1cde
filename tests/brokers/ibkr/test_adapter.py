"""The contract's smaller promises: shapes, windows, business days, the guide."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from stonks.brokers.ibkr.adapter import IbkrBroker
from stonks.brokers.ibkr.guide import CASH_FIELDS, TRADE_FIELDS
from stonks.brokers.ibkr.market_days import holidays
from stonks.brokers.registry import brokers
from stonks.config import Settings

BROKER = IbkrBroker("http://127.0.0.1:1/FlexWebService", first_wait=timedelta(seconds=10))
GOOD = {"query_id": "1234567", "token": "111122223333444455556666"}


@pytest.mark.parametrize(
    "values",
    [
        GOOD,
        {"query_id": "2001", "token": "998877665544332211002001"},
        {"query_id": " 1234567 ", "token": "  111122223333444455556666\n"},
        {"query_id": "1", "token": "AbC-123_x.y~"},
    ],
)
def test_what_could_be_right_is_let_through(values: dict[str, str]) -> None:
    assert BROKER.check_shape(values) == {}


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("query_id", "", "Enter"),
        ("query_id", "12a45", "digits"),
        ("query_id", "12 45", "digits"),
        ("query_id", "１２３", "digits"),
        ("query_id", "-5", "digits"),
        ("query_id", "111122223333444455556666", "token"),
        ("token", "", "Enter"),
        ("token", "1111 2222 3333", "spaces"),
        ("token", "123", "short"),
        ("token", "9" * 129, "long"),
        ("token", "9" * 100_000, "long"),
        ("token", "12345678&q=1", "look like"),
    ],
)
def test_a_wrong_shape_is_told_beside_its_field(field: str, value: str, words: str) -> None:
    problems = BROKER.check_shape({**GOOD, field: value})
    assert list(problems) == [field]
    assert words in problems[field]


def test_missing_fields_are_told_too() -> None:
    assert set(BROKER.check_shape({})) == {"query_id", "token"}


def test_the_allowance_belongs_to_the_token() -> None:
    assert BROKER.allowance_name(GOOD) == GOOD["token"]


@pytest.mark.parametrize(
    ("now", "day"),
    [
        (datetime(2026, 11, 20, 5, 59, tzinfo=UTC), 20),
        (datetime(2026, 11, 20, 6, 0, tzinfo=UTC), 21),
        (datetime(2026, 11, 20, 23, 0, tzinfo=UTC), 21),
        (datetime(2026, 11, 20, 23, 0, tzinfo=UTC).astimezone(), 21),
    ],
)
def test_the_next_sync_window_starts_after_now(now: datetime, day: int) -> None:
    opens, closes = BROKER.sync_window(now)
    assert opens == datetime(2026, 11, day, 6, tzinfo=UTC)
    assert closes == datetime(2026, 11, day, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "day"),
    [
        ("2026-11-20T06:30", "2026-11-19"),  # a Friday morning
        ("2026-11-20T04:59", "2026-11-18"),  # in New York it is still Thursday
        ("2026-11-20T05:00", "2026-11-19"),
        ("2026-11-22T12:00", "2026-11-20"),  # a Sunday
        ("2026-11-23T12:00", "2026-11-20"),  # a Monday morning
        ("2026-11-27T12:00", "2026-11-25"),  # the day after Thanksgiving
        ("2026-07-06T12:00", "2026-07-02"),  # Independence Day kept on a Friday
        ("2026-07-02T04:30", "2026-07-01"),  # summer time
    ],
)
def test_the_last_business_day_is_new_yorks(now: str, day: str) -> None:
    assert BROKER.last_business_day(datetime.fromisoformat(now).replace(tzinfo=UTC)) == date.fromisoformat(day)


# As published by the exchange (nyse.com/markets/hours-calendars).
PUBLISHED = {
    2022: "01-17 02-21 04-15 05-30 06-20 07-04 09-05 11-24 12-26",
    2023: "01-02 01-16 02-20 04-07 05-29 06-19 07-04 09-04 11-23 12-25",
    2024: "01-01 01-15 02-19 03-29 05-27 06-19 07-04 09-02 11-28 12-25",
    2025: "01-01 01-20 02-17 04-18 05-26 06-19 07-04 09-01 11-27 12-25",
    2026: "01-01 01-19 02-16 04-03 05-25 06-19 07-03 09-07 11-26 12-25",
    2027: "01-01 01-18 02-15 03-26 05-31 06-18 07-05 09-06 11-25 12-24",
}


@pytest.mark.parametrize("year", PUBLISHED)
def test_the_holidays_are_the_published_ones(year: int) -> None:
    assert sorted(f"{day:%m-%d}" for day in holidays(year)) == PUBLISHED[year].split()


def test_the_guide_names_every_field_and_says_what_matters() -> None:
    steps = [step for section in BROKER.guide.sections for step in section.steps]
    assert [step.copy for step in steps if step.copy] == [TRADE_FIELDS, CASH_FIELDS]
    assert (len(TRADE_FIELDS), len(CASH_FIELDS)) == (9, 7)
    text = " ".join(step.text for step in steps)
    for words in ("Executions", "Last 365 Calendar Days", "CSV", "6 hours", "Dividends", "Withholding Tax"):
        assert words in text
    assert "30 minutes" in " ".join(section.note for section in BROKER.guide.sections)
    assert "read-only" in BROKER.guide.access
    assert "Flex Web Service Configuration" in BROKER.guide.revoke
    assert all(step.text.count("*") % 2 == 0 for step in steps)


def test_the_guide_keeps_to_the_houses_words() -> None:
    guide = BROKER.guide
    everything = [guide.access, guide.revoke, *guide.how_it_works, *guide.details]
    everything += [part for question in guide.questions for part in (question.question, question.answer)]
    everything += [part for section in guide.sections for part in (section.title, section.note)]
    assert not any("!" in text for text in everything)


def test_the_registry_offers_interactive_brokers_at_the_configured_address(settings: Settings) -> None:
    known = brokers(settings)
    assert [(code, broker.name, broker.slug) for code, broker in known.items()] == [
        ("ibkr", "Interactive Brokers", "interactive-brokers")
    ]
