"""Pages by key, entries by hand, exports and what belongs to whom."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from io import BytesIO

import pytest
from flask import Flask
from sqlalchemy import func, select

from stonks.core.errors import InvalidInput, NotFound
from stonks.db import Base, db
from stonks.ledger import archive, entries, exporting, importing, manual, portfolios
from stonks.ledger.entries import EntryFilter
from stonks.ledger.manual import ManualEntry
from tests.conftest import Clock
from tests.listening import statements_sent
from tests.readings import ReadingOf, dividend, position, problem, trade


class NoBroker:
    """Own exports must be told without asking a broker."""

    def read(self, *_: object, **__: object) -> None:
        raise AssertionError("an own export is no broker's statement")


def fill(portfolio_id: int, clock: Clock, count: int = 7) -> None:
    rows = [trade(str(number), on=date(2025, 11, 1 + number // 2)) for number in range(count)]
    importing.import_reading(portfolio_id, ReadingOf(rows), origin="sync", now=clock())


def upload(portfolio_id: int, text: str, clock: Clock) -> importing.ImportOutcome:
    reading = exporting.open_upload(NoBroker(), BytesIO(text.encode()))  # type: ignore[arg-type]
    return importing.import_reading(portfolio_id, reading, origin="upload", now=clock())


def test_pages_by_key_show_each_entry_once_in_both_directions(portfolio_id: int, clock: Clock) -> None:
    fill(portfolio_id, clock)
    seen, cursor, pages = [], None, []
    while True:
        page = entries.page(portfolio_id, EntryFilter(), after=cursor, size=3)
        pages.append([entry.id for entry in page.entries])
        seen += pages[-1]
        if page.next is None:
            break
        cursor = page.next
    assert [len(part) for part in pages] == [3, 3, 1]
    assert len(set(seen)) == 7
    back = entries.page(portfolio_id, EntryFilter(), before=page.previous, size=3)
    assert [entry.id for entry in back.entries] == pages[1]


def test_filters_narrow_the_page_and_a_broken_cursor_means_the_first(portfolio_id: int, clock: Clock) -> None:
    fill(portfolio_id, clock)
    importing.import_reading(portfolio_id, ReadingOf([dividend("9")]), origin="upload", now=clock())
    assert len(entries.page(portfolio_id, EntryFilter(type="DIVIDEND")).entries) == 1
    assert len(entries.page(portfolio_id, EntryFilter(origin="sync")).entries) == 7
    assert (
        len(
            entries.page(
                portfolio_id, EntryFilter(symbol="aapl", first=date(2025, 11, 2), last=date(2025, 11, 2))
            ).entries
        )
        == 2
    )
    assert len(entries.page(portfolio_id, EntryFilter(), after="rubbish").entries) == 8


def test_our_own_export_uploaded_again_adds_nothing_and_elsewhere_restores_all(
    portfolio_id: int, new_user: Callable[[str], int], clock: Clock
) -> None:
    fill(portfolio_id, clock)
    form = ManualEntry("BUY", date(2025, 11, 3), "USD", '=HYPERLINK("x")', None, Decimal("4"), Decimal("508.11"))
    manual.add(portfolio_id, form, clock())
    text = "".join(exporting.export_csv(portfolio_id))
    assert ",=HYPERLINK" not in text
    assert ',"=HYPERLINK' not in text
    outcome = upload(portfolio_id, text, clock)
    assert (outcome.new, outcome.known, outcome.problems) == (0, 8, 0)
    elsewhere = portfolios.create(new_user("other@example.com"), "Copy", "USD", clock()).id
    assert upload(elsewhere, text, clock).new == 8
    assert "".join(exporting.export_csv(elsewhere)) == text


@pytest.mark.parametrize(
    ("was", "now"), [("2025-11-01", "1.11.25"), ("2025-11-01", "9999-12-31"), ("AAPL", "A" * 65), ("189.5", "NaN")]
)
def test_a_broken_row_of_an_export_is_parked_and_the_rest_goes_on(
    portfolio_id: int, clock: Clock, was: str, now: str
) -> None:
    fill(portfolio_id, clock, 2)
    lines = "".join(exporting.export_csv(portfolio_id)).splitlines()
    lines[1] = lines[1].replace(was, now)
    outcome = upload(portfolio_id, "\r\n".join(lines), clock)
    assert (outcome.known, outcome.problems) == (1, 1)


def test_an_entry_by_hand_knows_its_amount_and_says_what_is_missing(portfolio_id: int, clock: Clock) -> None:
    form = ManualEntry(
        "SELL", date(2025, 11, 3), "USD", "MSFT", None, Decimal("4"), Decimal("508.11"), commission=Decimal("-1")
    )
    entry = manual.add(portfolio_id, form, clock())
    assert entries.net_amount(entry) == Decimal("2031.44")
    with pytest.raises(InvalidInput) as refusal:
        manual.add(portfolio_id, ManualEntry("BUY", date(9999, 12, 31), "dollars!", None), clock())
    assert set(refusal.value.fields) == {"entry_date", "currency", "symbol", "quantity", "price"}
    manual.remove(portfolio_id, entry.id, clock())
    assert entries.page(portfolio_id, EntryFilter()).entries == []


def test_another_users_portfolio_and_entries_are_not_found(
    portfolio_id: int, new_user: Callable[[str], int], clock: Clock
) -> None:
    fill(portfolio_id, clock, 1)
    stranger = new_user("stranger@example.com")
    with pytest.raises(NotFound):
        portfolios.get(stranger, portfolio_id)
    own = portfolios.create(stranger, "Mine", "EUR", clock())
    entry = entries.page(portfolio_id, EntryFilter()).entries[0]
    with pytest.raises(NotFound):
        entries.get(own.id, entry.id)


def test_deleting_a_portfolio_leaves_nothing_of_it(
    portfolio_id: int, new_user: Callable[[str], int], clock: Clock
) -> None:
    rows = [trade("1"), dividend("2"), problem(), position("10")]
    importing.import_reading(portfolio_id, ReadingOf(rows), origin="sync", now=clock())
    importing.import_reading(portfolio_id, ReadingOf([trade("1", commission="-2")]), origin="sync", now=clock())
    archive.keep(portfolio_id, BytesIO(b"body"), origin="sync", now=clock())
    owner = portfolios.list_for(1)[0].user_id
    portfolios.delete(portfolios.get(owner, portfolio_id))
    left = {
        table.name: db.session.scalar(select(func.count()).select_from(table))
        for table in Base.metadata.sorted_tables
        if table.name != "users"
    }
    assert not any(left.values()), left


def test_a_kept_statement_is_sealed_and_opens_to_the_same_bytes(portfolio_id: int, clock: Clock) -> None:
    kept = archive.keep(portfolio_id, BytesIO(b"AAPL,10"), origin="test", now=clock(), credentials_name="same")
    sealed = db.session.get_one(archive.KeptStatement, kept).sealed
    assert b"AAPL" not in sealed
    assert archive.open_kept(kept).read() == b"AAPL,10"
    assert archive.take_tested(portfolio_id, "same", clock()) == kept
    assert archive.take_tested(portfolio_id, "other", clock()) is None
    archive.mark_imported(kept, clock())
    assert archive.take_tested(portfolio_id, "same", clock()) is None


def test_an_equal_file_makes_no_synced_statement_one_of_today_for_other_portfolios(
    portfolio_id: int, clock: Clock
) -> None:
    owner = portfolios.list_for(1)[0].user_id
    sibling = portfolios.create(owner, "Sibling", "EUR", clock()).id
    kept = archive.keep(portfolio_id, BytesIO(b"AAPL,10"), origin="sync", now=clock(), credentials_name="same")
    archive.mark_imported(kept, clock())
    yesterday = clock()
    clock.advance(days=1)
    assert archive.keep(portfolio_id, BytesIO(b"AAPL,10"), origin="upload", now=clock()) == kept
    assert archive.of_sibling(sibling, "same", yesterday) is None
    archive.keep(portfolio_id, BytesIO(b"AAPL,10"), origin="sync", now=clock(), credentials_name="same")
    assert archive.of_sibling(sibling, "same", yesterday) == kept


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (EntryFilter(), "ix_entries_page"),
        (EntryFilter(symbol="AAPL", type="DIVIDEND", origin="sync"), "ix_entries_symbol_page"),
        (EntryFilter(type="DIVIDEND", origin="sync"), "ix_entries_rare_type_page"),
        (EntryFilter(type="DIVIDEND", origin="upload"), "ix_entries_rare_type_page"),
        (EntryFilter(type="DIVIDEND", origin="manual"), "ix_entries_rare_origin_page"),
        (EntryFilter(type="BUY", origin="manual"), "ix_entries_rare_origin_page"),
        (EntryFilter(type="BUY", origin="sync"), "ix_entries_page"),
        (EntryFilter(first=date(2025, 1, 1)), "ix_entries_page"),
    ],
)
def test_every_filter_has_an_index_that_begins_the_page(app: Flask, wanted: EntryFilter, index: str) -> None:
    sent = statements_sent()
    entries.page(1, wanted, after="2025-11-03.7")
    sql, values = sent[-1]
    plan = [row[3] for row in db.session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)]
    assert len(plan) == 1, plan  # nothing is sorted
    assert index in plan[0]
