"""Files as they come out of spreadsheets and editors, header rows that stand once for many, and refusals told apart."""

from __future__ import annotations

from io import BytesIO

import pytest

from stonks.brokers.ibkr.statement import read_statement
from stonks.core.errors import StatementUnreadable
from stonks.core.records import Record, RowProblem, Trade
from tests.statements import CASH_COLUMNS, TRADE_COLUMNS, buy, dividend, statement

RECORDS = [
    "BOF,U1,query,2,20241120,20251119,20251120;010203,100,100", "BOA,U1", "BOS,TRNT,Trades", TRADE_COLUMNS, buy(1),
    "EOS,TRNT,1,0", "BOS,CTRN,Cash", CASH_COLUMNS, dividend(11), "EOS,CTRN,1,0", "EOA,U1",
]  # fmt: skip
XML = (
    '<FlexQueryResponse type="AF"><FlexStatements count="1"><FlexStatement accountId="U1"><Trades>'
    '<Trade symbol="AAPL" isin="US0378331005" tradeID="1" tradeDate="20251103" buySell="BUY" quantity="10" '
    'tradePrice="189.5" currency="USD" /></Trades></FlexStatement></FlexStatements></FlexQueryResponse>'
)


def read(body: str | bytes) -> list[Record | RowProblem]:
    return list(read_statement(BytesIO(body.encode() if isinstance(body, str) else body)))


def lines(*rows: str) -> str:
    return "\n".join(rows) + "\n"


def kinds(body: str | bytes) -> list[str]:
    return [type(row).__name__ for row in read(body)]


def refused(body: str | bytes) -> StatementUnreadable:
    with pytest.raises(StatementUnreadable) as refusal:
        read(body)
    return refusal.value


def padded(rows: list[str], width: int) -> str:
    return lines(*(row + "," * (width - 1 - row.count(",")) for row in rows))


@pytest.mark.parametrize("width", [9, 13])
def test_rows_that_a_spreadsheet_padded_are_read(width: int) -> None:
    reading = read_statement(BytesIO(padded([*RECORDS, "EOF,U1"], width).encode()))
    assert [type(row).__name__ for row in reading] == ["Trade", "CashTransaction"]
    assert (reading.summary.rows, reading.summary.warnings) == (2, ())


def test_a_header_row_that_was_not_padded_with_its_rows_fits_them_still() -> None:
    body = lines(TRADE_COLUMNS, buy(1) + ",,", buy(2), "   ", CASH_COLUMNS + ",,", dividend(11), " ")
    assert kinds(body) == ["Trade", "Trade", "CashTransaction"]


@pytest.mark.parametrize("symbol", ["EOF", "MSG", "HEADER", "DATA"])
def test_an_instrument_may_be_named_like_a_record(symbol: str) -> None:
    assert kinds(lines(TRADE_COLUMNS, buy(1).replace("AAPL", symbol), buy(2))) == ["Trade", "Trade"]


def test_a_second_account_without_header_rows_is_read_by_those_of_the_first() -> None:
    second = ["BOA,U2", RECORDS[2], buy(2), RECORDS[5], RECORDS[6], dividend(12), RECORDS[9], "EOA,U2", "EOF"]
    assert kinds(lines(*RECORDS, *second)) == ["Trade", "CashTransaction"] * 2


def test_descriptors_tell_whose_header_a_row_has() -> None:
    trades, cash = f"DATA,TRNT,{buy(1)}", f"DATA,CTRN,{dividend(11)}"
    body = lines(f"HEADER,TRNT,{TRADE_COLUMNS}", f"HEADER,CTRN,{CASH_COLUMNS}", trades, cash, trades, cash)
    assert kinds(body) == ["Trade", "CashTransaction"] * 2


def test_a_quotation_mark_that_is_not_doubled_stops_nothing() -> None:
    header, first, second = (f'"{line}"'.replace(",", '","') for line in (TRADE_COLUMNS, buy(1), buy(2)))
    body = lines(
        f'{header},"Description"', f'{first},"5" PIPE CO"', f'{second},"a ""good""\none"', f'{second.replace("BUY", "?")},""'
    )  # fmt: skip
    rows = read(body)
    assert [(type(row).__name__, row.line) for row in rows] == [("Trade", 2), ("Trade", 3), ("RowProblem", 5)]
    assert isinstance(rows[0], Trade)
    assert rows[0].description == '5 PIPE CO"'


def test_a_section_that_is_not_read_may_have_any_columns() -> None:
    body = statement([buy(1)]).decode() + lines("ReportDate,Cash,Stock,Options,Total", "20251103,1,2,3,6")
    assert kinds(body + lines("StartingValue,Mtm,EndingValue,TWR", "1,2,3,4")) == ["Trade"]


def test_words_full_of_commas_do_not_hide_another_delimiter() -> None:
    header, *rows = (line.replace(",", "|") for line in (TRADE_COLUMNS, *map(buy, range(1, 9))))
    body = lines(f"{header}|Description", *(f"{row}|{'A, ' * 15}" for row in rows))
    assert kinds(body) == ["Trade"] * 8


def test_a_rate_that_the_broker_does_not_have_is_no_rate() -> None:
    told = [("EUR", "1.1"), ("XAU", "-1"), ("", "1"), ("A" * 13, "1")]
    body = lines("Date,FromCurrency,ToCurrency,Rate", *(f"20251119,{name},USD,{rate}" for name, rate in told))
    reading = read_statement(BytesIO(body.encode()))
    assert list(reading) == []
    assert [rate.from_currency for rate in reading.summary.rates] == ["EUR"]


def test_xml_may_begin_with_blank_lines() -> None:
    assert kinds('\n\n <?xml version="1.0" encoding="UTF-8"?>\n' + XML) == ["Trade"]


@pytest.mark.parametrize(
    ("reason", "body"),
    [
        ("no-headers", lines(*RECORDS[:3], buy(1), buy(2), *RECORDS[5:6], "EOA,U1", "EOF")),
        ("utf-16", statement([buy(1)]).decode().encode("utf-16")),
        ("html", '<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C//DTD"><html></html>'),
        ("html", "<!-- sign in --><html></html>"),
        ("activity-statement", "\nStatement,Header,Field Name,Field Value\nStatement,Data,BrokerName,IB\n"),
        ("not-a-statement", "0" * 2_000_000),
        ("not-a-statement", '{"a": [1, 2, 3, 4, 5, 6]}'),
        ("truncated", XML.replace("AAPL", "€").encode().split("€".encode())[0] + "€".encode()[:2]),
    ],
)
def test_each_refusal_says_what_the_file_is(reason: str, body: str | bytes) -> None:
    assert refused(body).reason == reason


CONFIRMS = (
    '<FlexQueryResponse queryName="q"><FlexStatements count="1"><FlexStatement accountId="U1">{trades}<TradeConfirms>'
    '<TradeConfirm symbol="AAPL" tradeID="1" price="189.5" /></TradeConfirms></FlexStatement></FlexStatements>'
    "</FlexQueryResponse>"
)


def test_trade_confirmations_are_told_by_what_they_hold() -> None:
    assert refused(CONFIRMS.format(trades="")).reason == "trade-confirmation"
    assert read(CONFIRMS.format(trades="<Trades></Trades>")) == []


@pytest.mark.parametrize("encoding", ["no-such-one", "gb2312"])
def test_xml_in_an_unknown_encoding_is_refused(encoding: str) -> None:
    assert refused(f'<?xml version="1.0" encoding="{encoding}"?>{XML}').reason == "malformed-xml"


def test_blank_lines_by_the_hundred_behind_descriptors_are_nothing() -> None:
    body = lines(f"HEADER,TRNT,{TRADE_COLUMNS}", f"DATA,TRNT,{buy(1)}")
    assert kinds(body + "\n" * 300) == ["Trade"]


def test_the_brokers_error_is_told_in_its_words() -> None:
    said = "<Status>Fail</Status><ErrorCode>1012</ErrorCode><ErrorMessage>Token has expired.</ErrorMessage>"
    refusal = refused(f"<FlexStatementResponse>{said}</FlexStatementResponse>")
    assert "1012 Token has expired." in str(refusal)
