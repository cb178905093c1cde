"""One content in every frame, dates in every format, refusals by name, and rows that mean what IBKR means."""

from __future__ import annotations

import contextlib
from datetime import date
from decimal import Decimal
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stonks.brokers.ibkr.statement import FlexReading, read_statement
from stonks.core.errors import StatementUnreadable
from stonks.core.records import (
    CashKind,
    CashTransaction,
    CorporateAction,
    FxConversion,
    Position,
    Record,
    RowProblem,
    Side,
    Trade,
)  # fmt: skip
from tests.statements import CASH_COLUMNS, TRADE_COLUMNS, buy, dividend, statement, withheld

CONVERSION = "EUR.USD,,77,20251105,SELL,-1500.55,1.0842,-2,USD"
CANCEL = "AAPL,US0378331005,,20251103,BUY (Ca.),-10,189.5,0,USD"
REBOOKED = "AAPL,US0378331005,1,20251103,BUY,10,189.4,0,USD"
TRADES = [buy(1), buy(2, "20251110"), CONVERSION, CANCEL, REBOOKED]
CASH = [dividend(11), withheld(12), dividend(13, amount="-2.6"), dividend(14)]
PLAIN = statement(TRADES, CASH)


def read(body: bytes, **options: object) -> tuple[list[Record | RowProblem], FlexReading]:
    reading = read_statement(BytesIO(body), **options)  # type: ignore[arg-type]
    return list(reading), reading


def fingerprints(body: bytes, **options: object) -> list[bytes]:
    return sorted(row.fingerprint for row in read(body, **options)[0] if not isinstance(row, RowProblem))


def refused(body: bytes) -> StatementUnreadable:
    with pytest.raises(StatementUnreadable) as refusal:
        read(body)
    return refusal.value


def quoted(*cells: str) -> str:
    return ",".join(f'"{cell}"' for cell in cells)


def with_records(*, reverse: bool = False, trailer: bool = True) -> bytes:
    code = (lambda kind, section: quoted(section, kind)) if reverse else quoted
    lines = [quoted("BOF", "U1", "query", "1", "20241120", "20251119", "20251120;010203", "100"), quoted("BOA", "U1")]
    for section, columns, rows in (("TRNT", TRADE_COLUMNS, TRADES), ("CTRN", CASH_COLUMNS, CASH)):
        lines += [
            code("BOS", section) + ',"label"',
            quoted(*columns.split(",")),
            *(quoted(*row.split(",")) for row in rows),
        ]
        lines.append(code("EOS", section) + f',"{len(rows)}","1"')
    lines += [quoted("EOA", "U1"), quoted("EOF")] if trailer else []
    return ("\n".join(lines) + "\n").encode()


def with_descriptors(records: bool = False) -> bytes:
    lines = []
    for section, columns, rows in (("TRNT", TRADE_COLUMNS, TRADES), ("CTRN", CASH_COLUMNS, CASH)):
        lines.append(quoted("HEADER", section, *columns.split(",")))
        lines += [quoted("DATA", section, *row.split(",")) for row in rows]
    return ("\n".join(lines) + "\n").encode()


def as_xml() -> bytes:
    names = {
        "Symbol": "symbol", "ISIN": "isin", "TradeID": "tradeID", "TradeDate": "tradeDate", "Buy/Sell": "buySell",
        "Quantity": "quantity", "TradePrice": "tradePrice", "IBCommission": "ibCommission", "CurrencyPrimary": "currency",
        "Date/Time": "dateTime", "Amount": "amount", "Type": "type", "TransactionID": "transactionID",
    }  # fmt: skip

    def element(name: str, columns: str, row: str) -> str:
        pairs = zip(columns.split(","), row.split(","), strict=True)
        return f"<{name} " + " ".join(f'{names[column]}="{cell}"' for column, cell in pairs) + " />"

    trades = "".join(element("Trade", TRADE_COLUMNS, row) for row in TRADES)
    summaries = '<SymbolSummary symbol="AAPL" quantity="20" /><Order symbol="AAPL" quantity="20" buySell="BUY" />'
    cash = "".join(element("CashTransaction", CASH_COLUMNS, row) for row in CASH)
    return (
        '<FlexQueryResponse queryName="q" type="AF"><FlexStatements count="1">'
        '<FlexStatement accountId="U1" fromDate="20241120" toDate="20251119">'
        f"<Trades>{trades}{summaries}</Trades><CashTransactions>{cash}</CashTransactions>"
        "</FlexStatement></FlexStatements></FlexQueryResponse>"
    ).encode()


FRAMES = {
    "records": with_records(),
    "records in the other column order": with_records(reverse=True),
    "descriptors": with_descriptors(),
    "xml": as_xml(),
    "sections the other way round": statement(None, CASH).split(b"\n", 1)[1] + statement(TRADES),
    "semicolons": PLAIN.replace(b'","', b'";"').replace(b"20251113;202000", b"20251113 202000"),
    "tabs, unquoted": PLAIN.replace(b'","', b"\t").replace(b'"', b""),
    "pipes": PLAIN.replace(b'","', b'"|"'),
    "BOM and CRLF": b"\xef\xbb\xbf" + PLAIN.replace(b"\n", b"\r\n"),
    "a header repeated inside its section": statement(TRADES[:2]) + statement(TRADES[2:], CASH),
    "a message first": b'"MSG","Realized P/L is not ready and has been disabled for this statement."\n' + PLAIN,
    "other spellings": PLAIN.replace(b"Buy/Sell", b"BuySell")
    .replace(b"TradeID", b"Trade ID").replace(b"CurrencyPrimary", b"Currency").replace(b"IBCommission", b"IB Commission"),
    "dashed dates": PLAIN.replace(b"202511", b"2025-11-"),
}  # fmt: skip


@pytest.mark.parametrize("frame", FRAMES)
def test_the_same_content_in_any_frame_has_the_same_fingerprints(frame: str) -> None:
    assert fingerprints(FRAMES[frame]) == fingerprints(PLAIN)


@pytest.mark.parametrize(
    "spelling", ["2025-11-{d}", "11/{d}/2025", "11/{d}/25", "{d}/11/2025", "{d}/11/25", "{d}-Nov-25"]
)
@pytest.mark.parametrize("time", ["", ";202000", " 20:20:00", ", 202000", "T20:20:00", ";20:20:00 EST"])
def test_every_date_format_and_separator_reads_to_the_same_day(spelling: str, time: str) -> None:
    days = ["03", "17"]
    told = [spelling.format(d=day) for day in days]
    body = f'"{TRADE_COLUMNS.replace(",", chr(34) + "," + chr(34))}"\n' + "".join(
        quoted("AAPL", "US0378331005", str(number), day + time, "BUY", "1", "2", "-1", "USD") + "\n"
        for number, day in enumerate(told)
    )
    rows, reading = read(body.encode())
    assert [row.trade_date for row in rows if isinstance(row, Trade)] == [date(2025, 11, 3), date(2025, 11, 17)]
    assert not reading.summary.date_order_is_guess


def test_dates_that_nothing_settles_are_read_the_us_way_and_said_until_a_person_chooses() -> None:
    body = statement([buy(1, "03/11/2025")])
    rows, reading = read(body)
    assert isinstance(rows[0], Trade)
    assert rows[0].trade_date == date(2025, 3, 11)
    assert any(finding.code == "date-order" for finding in reading.summary.findings)
    rows, reading = read(body, day_first=True)
    assert isinstance(rows[0], Trade)
    assert rows[0].trade_date == date(2025, 11, 3)
    assert not reading.summary.date_order_is_guess


def test_cancel_and_rebook_net_to_what_the_broker_shows() -> None:
    trades = [row for row in read(PLAIN)[0] if isinstance(row, Trade) and row.trade_date == date(2025, 11, 3)]
    assert sum(trade.quantity * (-1 if trade.cancels else 1) for trade in trades) == 10
    assert [trade.cancels for trade in trades] == [False, True, False]


def test_a_conversion_has_two_legs_and_is_no_share() -> None:
    conversion = next(row for row in read(PLAIN)[0] if isinstance(row, FxConversion))
    assert (conversion.sold, conversion.sold_currency) == (Decimal("1500.55"), "EUR")
    assert (conversion.bought, conversion.bought_currency) == (Decimal("1500.55") * Decimal("1.0842"), "USD")


def test_summaries_of_cash_count_only_where_no_detail_does() -> None:
    columns = "CurrencyPrimary,Symbol,ISIN,Date/Time,Amount,Type,TransactionID,LevelOfDetail"
    detail = "USD,AAPL,US0378331005,20251113;202000,2.6,Dividends,11,DETAIL"
    summary = "USD,AAPL,US0378331005,20251113,2.6,Dividends,,SUMMARY"
    both, reading = read(f"{columns}\n{detail}\n{summary}\n".encode())
    assert (len(both), reading.summary.summaries) == (1, 1)
    assert len(read(f"{columns}\n{summary}\n".encode())[0]) == 1
    untold = f"{CASH_COLUMNS}\n{dividend(11)}\n{dividend(0).replace(',0,', ',,')}\n".encode()
    assert read(untold)[1].summary.summaries == 1


def test_levels_of_detail_beside_executions_count_no_trade_twice() -> None:
    columns = TRADE_COLUMNS + ",LevelOfDetail"
    rows = [f"{buy(1)},EXECUTION", f"{buy(0).replace(',0,', ',,')},ORDER", f"{buy(1)},CLOSED_LOT"]
    found, reading = read(("\n".join([columns, *rows]) + "\n").encode())
    assert (len(found), reading.summary.summaries) == (1, 2)
    assert any(finding.code == "levels-ticked" for finding in reading.summary.findings)


def test_trades_left_out_for_want_of_an_id_are_told_with_their_number_and_what_mends_it() -> None:
    nameless = buy(0).replace(",0,", ",,")
    found, reading = read(statement([buy(1), nameless, buy(2), nameless, nameless]))
    (finding,) = [each for each in reading.summary.findings if each.code == "summaries-untold"]
    assert (len(found), reading.summary.summaries, finding.severity) == (2, 3, "warning")
    assert finding.message.startswith("3 rows of Trades have no Trade ID")
    assert "tick Level of Detail and Trade ID" in finding.remedy


@pytest.mark.parametrize("rows", [[buy(1), buy(2)], [buy(0).replace(",0,", ",,")] * 2])
def test_trades_that_all_have_an_id_or_all_have_none_are_no_finding(rows: list[str]) -> None:
    summary = read(statement(rows))[1].summary
    assert (summary.trades, summary.summaries) == (2, 0)
    assert "summaries-untold" not in {finding.code for finding in summary.findings}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Payment In Lieu Of Dividends", CashKind.PAYMENT_IN_LIEU), ("871(m) Withholding", CashKind.WITHHOLDING_TAX),
        ("Broker Interest Paid", CashKind.INTEREST), ("Bond Interest Received", CashKind.INTEREST),
        ("other fees", CashKind.FEE), ("Deposits & Withdrawals", CashKind.DEPOSIT), ("Deposits/Withdrawals", CashKind.DEPOSIT),
    ],
)  # fmt: skip
def test_every_known_type_of_cash_is_told(text: str, kind: CashKind) -> None:
    rows, _ = read(statement([], [dividend(1).replace("Dividends", text)]))
    assert isinstance(rows[0], CashTransaction)
    assert rows[0].kind is kind


def test_what_cannot_be_read_is_parked_with_its_line_and_the_rest_goes_on() -> None:
    odd = [
        buy(1).replace("BUY", "BORROW"),
        buy(2).replace(",2,", ",1.23E+11,"),
        buy(3, price="1,5".replace(",", "'")),
        buy(4, "20251399"),
        "MYSTERY,,5,20251103,BUY,1,1,-1,USD",
        f"{'A' * 65},US0378331005,6,20251103,BUY,1,1,-1,USD",
    ]
    rows, reading = read(statement([*odd, buy(9)], [dividend(1).replace("Dividends", "Shareholder Perk")]))
    problems = [row for row in rows if isinstance(row, RowProblem)]
    assert [problem.line for problem in problems] == [2, 3, 4, 5, 6, 7, 10]
    assert reading.summary.trades == 1
    assert "spreadsheet" in problems[1].reason
    assert "Asset Class" in problems[4].reason
    assert "MYSTERY" in problems[4].raw


@pytest.mark.parametrize(
    ("symbol", "asset_class", "multiplier"),
    [
        ("AAPL  260116C00150000", "OPT", Decimal(100)), ("P LEG  20230317 69 M", "OPT", None), ("ESZ5", "FUT", None),
        ("SAPn", "CFD", None),
    ],
)  # fmt: skip
def test_without_columns_the_shape_of_a_symbol_tells_the_instrument(
    symbol: str, asset_class: str, multiplier: Decimal | None
) -> None:
    rows, _ = read(statement([f"{symbol},,5,20251103,SELL,-1,1.5,-1,USD"]))
    assert isinstance(rows[0], Trade)
    assert (rows[0].asset_class, rows[0].multiplier, rows[0].side) == (asset_class, multiplier, Side.SELL)


def test_actions_and_positions_are_read_where_the_query_has_them() -> None:
    body = (
        "ClientAccountID,CurrencyPrimary,Symbol,ISIN,Report Date,Date/Time,ActionDescription,Amount,Proceeds,Value,Quantity,Type,"
        "TransactionID,ActionID\n"
        'U1,USD,AAPL,US0378331005,20251105,20251104;202500,"AAPL SPLIT 4 FOR 1",0,0,0,30,FS,555,44\n'
        "ClientAccountID,CurrencyPrimary,Symbol,ISIN,ReportDate,Quantity,MarkPrice,CostBasisMoney\n"
        "U1,USD,AAPL,US0378331005,20251119,40,50.5,1895\n"
    )
    action, position = read(body.encode())[0]
    assert isinstance(action, CorporateAction)
    assert (action.kind, action.quantity, action.action_id) == ("FS", 30, "44")
    assert isinstance(position, Position)
    assert (position.quantity, position.mark_price, position.as_of) == (40, Decimal("50.5"), date(2025, 11, 19))


@pytest.mark.parametrize(
    ("reason", "body"),
    {
        "empty": b"",
        "html": b"<!DOCTYPE html><html><body>We are sorry</body></html>",
        "envelope": b"<FlexStatementResponse><Status>Fail</Status><ErrorCode>1012</ErrorCode></FlexStatementResponse>",
        "activity-statement": b"Statement,Header,Field Name,Field Value\nStatement,Data,BrokerName,Interactive Brokers\n",
        "no-headers": ("\n".join([buy(1), buy(2), dividend(3)]) + "\n").encode(),
        "truncated": with_records(trailer=False),
        "malformed-xml": b"<FlexQueryResponse><FlexStatements><a & b></FlexStatements></FlexQueryResponse>",
        "forbidden-xml": b'<!DOCTYPE x [<!ENTITY a "aaaa">]><FlexQueryResponse>&a;</FlexQueryResponse>',
        "not-a-statement": b"Dear diary, today I bought a share.\nIt was fun.\n",
        "binary": b"\x00" * 100_000,
    }.items(),
)
def test_what_is_no_statement_is_refused_by_name_and_says_what_to_do(reason: str, body: bytes) -> None:
    refusal = refused(body)
    assert refusal.reason == reason
    assert "Nothing was imported." in str(refusal)


@pytest.mark.parametrize("cut", [30, 60, 200])
def test_a_truncated_body_is_refused_in_every_format(cut: int) -> None:
    assert refused(as_xml()[:-cut]).reason == "truncated"
    assert refused(with_records()[:-cut]).reason == "truncated"


def test_a_plain_file_cut_inside_its_last_row_is_refused() -> None:
    assert refused(PLAIN[: -len('"11","USD"\n') - 6]).reason == "truncated"


def test_missing_fields_and_sections_are_named_with_the_clicks_that_add_them() -> None:
    body = b"Symbol,TradeDate,Buy/Sell,Quantity,TradePrice,CurrencyPrimary\nAAPL,20251103,BUY,1,2,USD\n"
    findings = {finding.code: finding for finding in read(body)[1].summary.findings}
    assert {"field-missing:trades:isin", "field-missing:trades:trade-id", "field-missing:trades:ib-commission"} <= set(
        findings
    )
    assert "section-missing:cash" in findings
    assert all("Flex Queries" in finding.remedy for finding in findings.values())


def test_a_day_where_a_year_was_asked_for_is_a_finding() -> None:
    body = with_records().replace(b'"20241120"', b'"20251119"')
    codes = [finding.code for finding in read(body, asked_days=365)[1].summary.findings]
    assert "period-short" in codes
    assert "period-short" not in [finding.code for finding in read(with_records(), asked_days=365)[1].summary.findings]


def test_a_wrong_count_in_a_trailer_is_said() -> None:
    warnings = read(with_records().replace(b'"EOS","TRNT","5"', b'"EOS","TRNT","6"'))[1].summary.warnings
    assert "6 rows, but 5" in warnings[0]


@pytest.mark.parametrize(("currency", "said"), [("EUR", False), ("EUX", True), (None, False)])
def test_a_currency_that_no_row_is_in_is_a_finding(currency: str | None, said: bool) -> None:
    body = statement([buy(1), buy(2, currency="EUR")], [dividend(4)])
    findings = {finding.code: finding for finding in read(body, currency=currency)[1].summary.findings}
    assert ("currency-absent" in findings) is said
    if said:
        assert "No row is in EUX" in findings["currency-absent"].message
        assert "There are rows in EUR, USD." in findings["currency-absent"].message


def test_only_one_currency_keeps_the_occurrence_numbers_of_the_whole_file() -> None:
    both = statement([buy(1), buy(2, currency="EUR"), buy(3)], [dividend(4)])
    dollars, euros = fingerprints(both, currency="USD"), fingerprints(both, currency="EUR")
    assert sorted(dollars + euros) == fingerprints(both)
    assert len(euros) == 1


@given(st.permutations(TRADES), st.permutations(CASH), st.permutations(range(9)))
@settings(max_examples=60, deadline=None)
def test_order_of_rows_and_columns_does_not_matter(trades: list[str], cash: list[str], order: list[int]) -> None:
    def moved(line: str) -> str:
        cells = line.split(",")
        return quoted(*(cells[index] for index in order))

    body = "\n".join(moved(line) for line in [TRADE_COLUMNS, *trades]) + "\n"
    assert fingerprints(body.encode() + statement(None, cash).split(b"\n", 1)[1]) == fingerprints(PLAIN)


@pytest.mark.parametrize("line", ["HEADER", "DATA", '"DATA","TRNT"', "EOS", "BOS", '"EOS","TRNT","x"', '""', "MSG"])
def test_a_line_that_ends_too_soon_breaks_nothing(line: str) -> None:
    with contextlib.suppress(StatementUnreadable):
        read(with_descriptors() + line.encode() + b"\n" + with_descriptors())


MUTABLE = [PLAIN, with_records(), with_descriptors(), as_xml()]


@given(st.data())
@settings(max_examples=300, deadline=2000)
def test_a_mutated_statement_is_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    body = bytearray(data.draw(st.sampled_from(MUTABLE)))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(body) - 1))
        match data.draw(st.integers(0, 3)):
            case 0:
                body[at] = data.draw(st.integers(0, 255))
            case 1:
                del body[at : at + data.draw(st.integers(1, 40))]
            case 2:
                body[at:at] = data.draw(st.binary(max_size=20))
            case _:
                body = body[:at]
        if not body:
            break
    try:
        rows, reading = read(bytes(body))
    except StatementUnreadable:
        return
    assert len(rows) + reading.summary.summaries == reading.summary.rows
