"""A trade that was taken back and replaced is one story."""

from __future__ import annotations

from datetime import date

from stonks.core.records import Side
from stonks.ledger import corrections, entries, importing
from stonks.ledger.entries import EntryFilter
from tests.conftest import Clock
from tests.readings import ReadingOf, dividend, trade

LATER = date(2025, 12, 1)


def roles(portfolio_id: int) -> dict[tuple[str, bool], str]:
    shown = entries.page(portfolio_id, EntryFilter()).entries
    found = corrections.of_entries(portfolio_id, shown)
    return {(str(entry.quantity), entry.cancels): found[entry.id].role for entry in shown if entry.id in found}


def test_a_cancel_without_an_id_is_tied_to_its_original_and_to_the_replacement(portfolio_id: int, clock: Clock) -> None:
    original, other = trade("7"), trade("8", quantity="3")
    importing.import_reading(portfolio_id, ReadingOf([original, other]), origin="sync", now=clock())
    weeks_later = [original, trade(None, cancels=True), trade("7", quantity="12"), other, dividend("1", on=LATER)]
    importing.import_reading(portfolio_id, ReadingOf(weeks_later), origin="sync", now=clock())
    assert roles(portfolio_id) == {
        ("10", False): corrections.CORRECTED,
        ("10", True): corrections.CANCEL,
        ("12", False): corrections.REPLACEMENT,
    }
    shown = entries.page(portfolio_id, EntryFilter()).entries
    told = {len(found.history) for found in corrections.of_entries(portfolio_id, shown).values()}
    assert told == {3}
    assert sum(entry.amount or 0 for entry in shown if entry.kind == "TRADE" and entry.external_id != "8") == -2274


def test_a_plain_cancel_leaves_its_original_cancelled_and_touches_no_twin(portfolio_id: int, clock: Clock) -> None:
    rows = [trade("7"), trade("8"), trade(None, cancels=True)._replace(original_id="8")]
    importing.import_reading(portfolio_id, ReadingOf(rows), origin="sync", now=clock())
    shown = entries.page(portfolio_id, EntryFilter()).entries
    found = corrections.of_entries(portfolio_id, shown)
    assert {entry.external_id: found[entry.id].role for entry in shown if entry.id in found} == {
        "8": corrections.CANCELLED,
        None: corrections.CANCEL,
    }


def test_a_replacement_is_corrected_itself_in_the_same_story(portfolio_id: int, clock: Clock) -> None:
    rows = [
        trade("7"),
        trade(None, cancels=True),
        trade("7", quantity="12"),
        trade(None, quantity="12", cancels=True),
        trade("7", quantity="11"),
    ]
    importing.import_reading(portfolio_id, ReadingOf(rows), origin="sync", now=clock())
    newest = entries.page(portfolio_id, EntryFilter(), size=1).entries
    history = corrections.of_entries(portfolio_id, newest)[newest[0].id].history
    assert [(str(step.quantity), step.cancels) for step in history] == [
        ("10", False), ("10", True), ("12", False), ("12", True), ("11", False),
    ]  # fmt: skip


def test_trades_without_cancels_have_no_history_and_a_stray_cancel_stays_alone(portfolio_id: int, clock: Clock) -> None:
    rows = [trade("7"), trade(None, side=Side.SELL, cancels=True)]
    importing.import_reading(portfolio_id, ReadingOf(rows), origin="sync", now=clock())
    assert roles(portfolio_id) == {}


def test_a_changed_commission_is_part_of_the_history(portfolio_id: int, clock: Clock) -> None:
    importing.import_reading(portfolio_id, ReadingOf([trade("7")]), origin="sync", now=clock())
    importing.import_reading(portfolio_id, ReadingOf([trade("7", commission="-2")]), origin="sync", now=clock())
    entry = entries.page(portfolio_id, EntryFilter()).entries[0]
    assert [(told.old, told.new) for told in corrections.amendments_of(portfolio_id, entry.id)] == [("-1", "-2")]
