"""How fast and in how much memory statements are read, beside csv.reader alone and (where installed) ibflex.

The statements are made up, the same on every machine: N trades and N / 10 cash rows, 400 symbols, 6 currencies.
Run: python -m bench.read_statement [trades ...]; each reader has a process of its own and counts its CPU time, the best of
several, because a machine is seldom idle.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

SIZES = (1_000, 10_000, 100_000, 1_000_000)
IBFLEX_MOST = 100_000  # it holds the whole statement in memory
CURRENCIES = ("USD", "EUR", "GBP", "CHF", "JPY", "CAD")
TRADE_COLUMNS = "Symbol,ISIN,TradeID,TradeDate,Buy/Sell,Quantity,TradePrice,IBCommission,CurrencyPrimary"
CASH_COLUMNS = "Symbol,ISIN,Date/Time,Amount,Type,TransactionID,CurrencyPrimary"
TRADE_NAMES = [
    "symbol",
    "isin",
    "tradeID",
    "tradeDate",
    "buySell",
    "quantity",
    "tradePrice",
    "ibCommission",
    "currency",
]
CASH_NAMES = ["symbol", "isin", "dateTime", "amount", "type", "transactionID", "currency"]
FIRST = date(2025, 1, 2)


def trades(count: int) -> Iterator[str]:
    for number in range(count):
        kind = number * 7 % 400
        day = FIRST + timedelta(days=number * 300 // count)
        side, sign = ("SELL", "-") if number % 3 == 2 else ("BUY", "")
        price = f"{10 + kind}.{number % 97:02d}"
        yield (
            f"S{kind:03d},US{kind:09d}0,{10_000_000 + number},{day:%Y%m%d},{side},{sign}{1 + number % 250},{price},"
            f"-{1 + number % 5}.25,{CURRENCIES[kind % 6]}"
        )


def cash(count: int) -> Iterator[str]:
    for number in range(count // 10):
        kind = number * 11 % 400
        day = FIRST + timedelta(days=number * 3_000 // count)
        amount, name = (
            (f"-{number % 40}.15", "Withholding Tax") if number % 2 else (f"{1 + number % 270}.4", "Dividends")
        )
        yield (
            f"S{kind:03d},US{kind:09d}0,{day:%Y%m%d};202000,{amount},{name},{50_000_000 + number},"
            f"{CURRENCIES[kind % 6]}"
        )


def write_csv(path: Path, count: int, *, records: bool) -> None:
    with path.open("w", newline="") as file:
        out = csv.writer(file, quoting=csv.QUOTE_ALL)
        if records:
            out.writerows((["BOF", "U1", "bench", "1", "20250102", "20251119"], ["BOA", "U1"]))
        for code, columns, rows, told in (
            ("TRNT", TRADE_COLUMNS, trades(count), count),
            ("CTRN", CASH_COLUMNS, cash(count), count // 10),
        ):
            if records:
                out.writerow(["BOS", code, "label"])
            out.writerow(columns.split(","))
            out.writerows(row.split(",") for row in rows)
            if records:
                out.writerow(["EOS", code, told])
        if records:
            out.writerows((["EOA", "U1"], ["EOF", "U1"]))


def write_xml(path: Path, count: int) -> None:
    with path.open("w") as file:
        file.write('<FlexQueryResponse queryName="bench" type="AF"><FlexStatements count="1">\n')
        file.write('<FlexStatement accountId="U1" fromDate="20250102" toDate="20251119" period="Last365CalendarDays" ')
        file.write('whenGenerated="20251120;010203">\n')
        for parent, element, names, rows in (
            ("Trades", "Trade", TRADE_NAMES, trades(count)),
            ("CashTransactions", "CashTransaction", CASH_NAMES, cash(count)),
        ):
            file.write(f"<{parent}>\n")
            for row in rows:
                told = " ".join(f'{name}="{cell}"' for name, cell in zip(names, row.split(","), strict=True))
                file.write(f"<{element} {told} />\n")
            file.write(f"</{parent}>\n")
        file.write("</FlexStatement></FlexStatements></FlexQueryResponse>\n")


def measure(reader: str, path: Path, times: int) -> dict[str, float]:
    """Seconds of CPU, the best of `times`, and MB of peak memory above this process before it began."""
    if reader == "ibflex":
        from ibflex import parser

        def work() -> None:
            parser.parse(str(path))

    elif reader == "csv.reader":

        def work() -> None:
            with path.open(newline="") as file:
                deque(csv.reader(file), maxlen=0)

    else:
        from stonks.brokers.ibkr.statement import read_statement

        deque(read_statement(io.BytesIO(b"Symbol,Quantity,Buy/Sell\n")), maxlen=0)

        def work() -> None:
            with path.open("rb") as file:
                reading = read_statement(file)
                deque(reading, maxlen=0)
                if reading.summary.problems:
                    raise AssertionError("the statement was not read whole")

    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    best, peak = math.inf, 0
    for _ in range(times):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
        peak = peak or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # of the first time: garbage adds up
    return {"seconds": best, "megabytes": (peak - idle) / 1024}


def in_a_child(reader: str, path: Path, times: int) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.read_statement", "--one", reader, str(path), str(times)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main(sizes: tuple[int, ...]) -> None:
    has_ibflex = importlib.util.find_spec("ibflex") is not None
    if not has_ibflex:
        print("ibflex not installed: pip install -r bench/requirements.txt\n")
    print("| Trades | Statement | Reader | CPU seconds | Times csv.reader | MB above idle |")
    print("|---:|---|---|---:|---:|---:|")
    for count in sizes:
        with tempfile.TemporaryDirectory() as folder:
            plain, records, xml = (Path(folder, name) for name in ("plain.csv", "records.csv", "statement.xml"))
            write_csv(plain, count, records=False)
            write_csv(records, count, records=True)
            write_xml(xml, count)
            alone = 0.0
            times = max(1, min(15, 1_500_000 // count))
            for label, reader, path, runs in (
                ("CSV plain", "csv.reader", plain, times),
                ("CSV plain", "stonks", plain, times),
                ("CSV with records", "stonks", records, times),
                ("XML", "stonks", xml, times),
                ("XML", "ibflex", xml, min(times, 2)),
            ):
                if reader == "ibflex" and (not has_ibflex or count > IBFLEX_MOST):
                    continue
                found = in_a_child(reader, path, runs)
                alone = alone or found["seconds"]
                print(
                    f"| {count:,} | {label} | {reader} | {found['seconds']:.3f} | {found['seconds'] / alone:.1f} "
                    f"| {found['megabytes']:.0f} |",
                    flush=True,
                )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))))
    else:
        main(tuple(int(size) for size in sys.argv[1:]) or SIZES)
