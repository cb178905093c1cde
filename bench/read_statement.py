"""How fast and in how much memory statements are read, beside csv.reader alone and (where installed) ibflex.

The statements are made up, the same on every machine: N trades and N / 10 cash rows, 400 symbols, 6 currencies.
Run: python -m bench.read_statement [trades ...]; each reader has a process of its own and counts its CPU time. Readers
take turns, and a ratio is of two turns that followed each other: a machine's speed wavers more than readers differ.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from typing import NamedTuple

SIZES = (1_000, 10_000, 100_000, 1_000_000)
IBFLEX_NEEDS = 6_000  # bytes of memory a trade: it holds the whole statement
LEAST_CPU = 6.0  # seconds of turns of the slowest of our readers, about
MOST_ROUNDS = 25
# At most so many times csv.reader's time, at least so many times as fast as ibflex, at most so many MB above idle.
AIMS = {"CSV plain": (6.0, 8.0), "CSV with records": (6.0, 8.0), "XML": (None, 6.0)}
MOST_MEGABYTES = 32
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


class Turn(NamedTuple):
    seconds: float  # of CPU
    megabytes: float  # of peak memory above the process before its first turn


def work_of(reader: str, path: Path) -> Callable[[], None]:
    """What one turn of the reader does, with what it imports already imported."""
    if reader == "ibflex":
        from ibflex import parser

        return lambda: parser.parse(str(path))
    if reader == "csv.reader":

        def alone() -> None:
            with path.open(newline="") as file:
                deque(csv.reader(file), maxlen=0)

        return alone
    from stonks import process
    from stonks.brokers.ibkr.statement import read_statement

    process.settle()  # as a worker does
    deque(read_statement(io.BytesIO(b"Symbol,Quantity,Buy/Sell\n")), maxlen=0)

    def whole() -> None:
        with path.open("rb") as file:
            reading = read_statement(file)
            deque(reading, maxlen=0)
            if reading.summary.problems:
                raise AssertionError("the statement was not read whole")

    return whole


def serve(reader: str, path: Path) -> None:
    """Takes a turn for each line that comes in, and answers with what it took."""
    work = work_of(reader, path)
    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in sys.stdin:
        began = time.process_time()
        work()
        seconds = time.process_time() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps(Turn(seconds, (peak - idle) / 1024)), flush=True)


class Child:
    """A reader in a process of its own."""

    def __init__(self, reader: str, path: Path) -> None:
        command = [sys.executable, "-m", "bench.read_statement", "--serve", reader, str(path)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.turns: list[Turn] = []

    def turn(self) -> Turn:
        into, out = self._process.stdin, self._process.stdout
        assert into is not None
        assert out is not None
        into.write("turn\n")
        into.flush()
        self.turns.append(Turn(*json.loads(out.readline())))
        return self.turns[-1]

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()


class Found(NamedTuple):
    """What the turns of one reader came to: medians; ratios are None where there was nothing to compare with."""

    label: str
    seconds: float
    times_alone: Sequence[float]  # of each round, sorted
    times_faster: Sequence[float]  # than ibflex; likewise
    megabytes: float


def compare(folder: Path, count: int, with_ibflex: bool) -> tuple[float, list[Found], Turn | None]:
    """The seconds of csv.reader alone, what our readers took, and what ibflex took."""
    plain, records, xml = (folder / name for name in ("plain.csv", "records.csv", "statement.xml"))
    write_csv(plain, count, records=False)
    write_csv(records, count, records=True)
    write_xml(xml, count)
    with ExitStack() as stack:
        alone = stack.enter_context(Child("csv.reader", plain))
        ours = {
            label: stack.enter_context(Child("stonks", path))
            for label, path in (("CSV plain", plain), ("CSV with records", records), ("XML", xml))
        }
        other = stack.enter_context(Child("ibflex", xml)) if with_ibflex else None
        times_alone: dict[str, list[float]] = {label: [] for label in ours}
        times_faster: dict[str, list[float]] = {label: [] for label in ours}
        first = {label: child.turn() for label, child in ours.items()}  # of memory: garbage of several turns adds up
        rounds = max(1, min(MOST_ROUNDS, round(LEAST_CPU / max(turn.seconds for turn in first.values()))))
        for number in range(rounds):
            before = alone.turn().seconds
            for label, child in ours.items():
                took = child.turn().seconds
                after = alone.turn().seconds
                times_alone[label].append(2 * took / (before + after))
                before = after
            if other is None or number >= max(1, rounds // 3):  # it takes ten times as long
                continue
            theirs = other.turn().seconds
            for label, child in ours.items():
                times_faster[label].append(2 * theirs / (child.turns[-1].seconds + child.turn().seconds))
        found = [
            Found(
                label,
                median(turn.seconds for turn in child.turns),
                sorted(times_alone[label]),
                sorted(times_faster[label]),
                first[label].megabytes,
            )
            for label, child in ours.items()
        ]
        theirs_of_all = None
        if other is not None:
            theirs_of_all = Turn(median(turn.seconds for turn in other.turns), other.turns[0].megabytes)
        return median(turn.seconds for turn in alone.turns), found, theirs_of_all


def spread(ratios: Sequence[float]) -> str:
    """The median, and between what it wavered."""
    if not ratios:
        return ""
    return f"{median(ratios):.1f} ({ratios[0]:.1f} to {ratios[-1]:.1f})" if len(ratios) > 1 else f"{ratios[0]:.1f}"


def judge(found: Found) -> str:
    most_alone, least_faster = AIMS[found.label]
    said = [] if most_alone is None else [verdict(median(found.times_alone) <= most_alone, "csv.reader")]
    if found.times_faster and least_faster is not None:
        said.append(verdict(median(found.times_faster) >= least_faster, "ibflex"))
    return ", ".join([*said, verdict(found.megabytes <= MOST_MEGABYTES, "memory")])


def verdict(holds: bool, name: str) -> str:
    return f"{name} {'holds' if holds else 'missed'}"


def main(sizes: Sequence[int]) -> None:
    installed = importlib.util.find_spec("ibflex") is not None
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    left_out = ["" if installed else "ibflex is not installed: pip install -r bench/requirements.txt"]
    print(
        "| Trades | Statement | Reader | CPU seconds | Times csv.reader | Times faster than ibflex | MB above idle | Aims |"
    )
    print("|---:|---|---|---:|---:|---:|---:|---|")
    for count in sizes:
        fits = count * IBFLEX_NEEDS < memory
        if not fits:
            left_out.append(f"ibflex would need more memory than is free for {count:,} trades")
        with tempfile.TemporaryDirectory() as folder:
            alone, found, theirs = compare(Path(folder), count, installed and fits)
        print(f"| {count:,} | CSV plain | csv.reader | {alone:.3f} | 1.0 | | | |")
        for each in found:
            print(
                f"| {count:,} | {each.label} | stonks | {each.seconds:.3f} | {spread(each.times_alone)} "
                f"| {spread(each.times_faster)} | {each.megabytes:.0f} | {judge(each)} |"
            )
        if theirs:
            took = f"{theirs.seconds:.3f} | {theirs.seconds / alone:.0f} | 1.0 | {theirs.megabytes:.0f}"
            print(f"| {count:,} | XML | ibflex | {took} | |")
        sys.stdout.flush()
    print(*filter(None, left_out), sep="\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2], Path(sys.argv[3]))
    else:
        main(tuple(int(size) for size in sys.argv[1:]) or SIZES)
