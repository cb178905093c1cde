"""Statements that other projects published, against their own totals: counts and sums checked by hand."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from stonks.brokers.ibkr.statement import read_statement
from stonks.core.errors import StatementUnreadable
from stonks.core.records import CashKind, CashTransaction, FxConversion, Record, RowProblem, Side, Trade
from tests.needs import missing, not_shipped

SAMPLES = Path(__file__).parents[4] / "shared" / "flex-samples"

# file: trades, conversions, cash, problems, sum of cash amounts
READ = {
    "CoolONEOfficial__wealthfolio-ibkr-addon/inline_trades_levelofdetail.csv": (2, 0, 0, 0, "0"),
    "CoolONEOfficial__wealthfolio-ibkr-addon/inline_trades_then_cash.csv": (0, 0, 0, 2, "0"),
    "GeneBO98__tradetally/ibkr-flex-report.xml": (4, 0, 0, 0, "0"),
    "GeneBO98__tradetally/inline_trades_unquoted.csv": (0, 0, 0, 2, "0"),
    "OSadovy__uabean/beancount.xml": (8, 0, 5, 0, None),
    "andgineer__ibkr-porez/complex_flex.xml": (4, 0, 3, 0, None),
    "andgineer__ibkr-porez/fifo_scenarios.xml": (6, 0, 0, 0, "0"),
    "berrylove0619__IBKR-Statement/history_sample.csv": (2, 0, 0, 0, "0"),
    "clifton__ib-flex/activity_bonds.xml": (4, 0, 3, 0, None),
    "clifton__ib-flex/activity_cash.xml": (0, 0, 15, 0, None),
    "clifton__ib-flex/activity_forex.xml": (0, 4, 3, 0, None),
    "clifton__ib-flex/activity_options.xml": (4, 0, 2, 0, None),
    "cquillen__ibkr-conduit/cash-transactions.xml": (0, 0, 3, 0, None),
    "derived/vroonhof__opensteuerauszug--vtandchill_2025.spec.csv": (5, 2, 2, 0, "123.230"),
    "dickwolff__Export-To-Ghostfolio/ibkr-dividends-export.csv": (0, 0, 11, 0, None),
    "dickwolff__Export-To-Ghostfolio/ibkr-trades-export.csv": (8, 0, 0, 3, "0"),
    "gabbersepp__ib-flex-reader/TestForCoding.xml": (15, 0, 0, 0, "0"),
    "jhalmu__dividendsomatic/inline_trades_fx.csv": (0, 2, 0, 0, "0"),
    "uebber__ibkr-german-tax-declaration-engine/docs_real_option_samples.csv": (13, 0, 0, 0, "0"),
    "vroonhof__ibflex/legacy_separator.xml": (0, 0, 1, 0, None),
    "vroonhof__ibflex/minimal.xml": (0, 0, 0, 0, "0"),
    "vroonhof__opensteuerauszug/options_future_2025.xml": (39, 0, 52, 0, None),
    "vroonhof__opensteuerauszug/vtandchill_2025.xml": (5, 2, 10, 0, None),
}
REFUSED = {
    "cdump__investments/inline_trade_confirms_with_cancels.csv": "trade-confirmation",
    "cquillen__ibkr-conduit/trade-confirmations.xml": "trade-confirmation",
    "clifton__ib-flex/activity_simple.xml": "malformed-xml",
}


def sample(name: str) -> Path:
    path = SAMPLES / name
    if not path.exists():
        not_shipped("the shared flex samples")
    return path


def rows_of(name: str) -> list[Record | RowProblem]:
    with sample(name).open("rb") as source:
        return list(read_statement(source))


@pytest.mark.parametrize("name", READ)
def test_a_published_statement_yields_what_it_holds(name: str) -> None:
    trades, conversions, cash, problems, total = READ[name]
    rows = rows_of(name)
    kinds = [type(row) for row in rows]
    found = tuple(kinds.count(kind) for kind in (Trade, FxConversion, CashTransaction, RowProblem))
    assert found == (trades, conversions, cash, problems)
    if total is not None:
        assert sum((row.amount for row in rows if isinstance(row, CashTransaction)), Decimal(0)) == Decimal(total)


@pytest.mark.parametrize("name", REFUSED)
def test_a_published_file_that_is_no_activity_statement_is_refused_for_the_right_reason(name: str) -> None:
    with pytest.raises(StatementUnreadable) as refusal:
        rows_of(name)
    assert refusal.value.reason == REFUSED[name]


def test_no_published_file_breaks_the_reader() -> None:
    files = [path for path in SAMPLES.glob("*/*") if path.suffix in (".csv", ".xml")] or missing(
        "the shared flex samples"
    )
    for path in files:
        try:
            with path.open("rb") as source:
                reading = read_statement(source)
                assert sum(1 for _ in reading) == reading.summary.rows - reading.summary.summaries
        except StatementUnreadable:
            continue


@pytest.mark.parametrize("name", ["vtandchill_2025", "options_future_2025"])
def test_a_year_told_as_xml_and_as_csv_has_the_same_fingerprints(name: str) -> None:
    xml = rows_of(f"vroonhof__opensteuerauszug/{name}.xml")
    csv = rows_of(f"derived/vroonhof__opensteuerauszug--{name}.wide.csv")
    kinds = Trade | FxConversion | CashTransaction
    assert sorted(row.fingerprint for row in xml if isinstance(row, kinds)) == sorted(
        row.fingerprint for row in csv if isinstance(row, kinds)
    )


def test_a_real_year_holds_its_shares_conversions_and_dividend() -> None:
    rows = rows_of("derived/vroonhof__opensteuerauszug--vtandchill_2025.spec.csv")
    trades = [row for row in rows if isinstance(row, Trade)]
    assert sum(trade.quantity for trade in trades if trade.side is Side.BUY) == 200
    assert {row.symbol for row in rows if isinstance(row, FxConversion)} == {"USD.CHF"}
    amounts = {row.kind: row.amount for row in rows if isinstance(row, CashTransaction)}
    assert amounts == {CashKind.DIVIDEND: Decimal("144.976"), CashKind.WITHHOLDING_TAX: Decimal("-21.746")}
