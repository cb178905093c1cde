"""What it costs to let a statement into the ledger, beside the least that any program could do: csv.reader, sha1 and
sqlite3's executemany into the same table with the same indexes.

"read" is the statement read and thrown away, "store" what the ledger adds to it. CPU time, each measurement a process
of its own. As a machine's speed wavers, what is compared runs one right after the other, several rounds; of a round's
ratios the median counts. The statements and the 1,000,000 rows of others are the same on every machine.
Run: python -m bench.import_ledger [rows ...]; beside them on PostgreSQL, where it is installed: --postgresql
"""

from __future__ import annotations

import atexit
import json
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from hashlib import sha1
from pathlib import Path
from statistics import median
from typing import Any

from flask import Flask
from sqlalchemy import event

from bench.bare import bare_again, bare_first
from bench.read_statement import write_csv, write_xml
from stonks.core.records import StatementSummary

NOW = datetime(2025, 11, 20, 6, tzinfo=UTC)
OTHERS = 1_000_000
DAILY = 1_100
SIZES = (100_000, 1_000_000)
IBFLEX_MOST = 100_000  # it holds the whole statement in memory
ROUNDS = 5
Found = dict[str, float]
Rounds = dict[str, list[Found]]  # by name


def trades_for(rows: int) -> int:
    """The made-up statement has a cash row for every ten trades."""
    return rows * 10 // 11


def app_on(url: str) -> Flask:
    from stonks.config import read_settings
    from stonks.factory import create_app

    folder = tempfile.mkdtemp(prefix="stonks-bench-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return create_app(read_settings({"STONKS_DATA": folder, "DATABASE_URL": url, "REDIS_URL": "unix:///nowhere"}))


def prepare_database(url: str) -> None:
    """Empty tables, and two portfolios of one user."""
    from stonks.accounts.tables import User
    from stonks.db import db, transaction
    from stonks.ledger import portfolios

    with app_on(url).app_context():
        db.create_all()
        with transaction():
            user = User(email="a@example.com", password_hash="-", session_epoch=0, created_at=NOW)
            db.session.add(user)
        for name in ("Mine", "Others"):
            portfolios.create(user.id, name, "USD", NOW)
        db.session.remove()
        db.engine.dispose()  # SQLite's log goes into the file, which is copied


def add_others(path: Path, count: int) -> None:
    """Rows of another portfolio, spread over ten years."""
    columns = (
        "portfolio_id, origin, fingerprint, kind, type, entry_date, symbol, isin, currency, quantity, price, amount"
    )
    columns += ", commission, cancels, external_id, created_at"
    first = date(2016, 1, 4)

    def rows() -> Iterator[tuple[Any, ...]]:
        for number in range(count):
            digest = sha1(b"others|%d" % number, usedforsecurity=False).digest()
            day = (first + timedelta(days=number * 3_600 // count)).isoformat()
            symbol = f"S{number % 400:03d}"
            yield (
                *(2, "sync", digest, "TRADE", "BUY", day, symbol, f"US{number % 400:09d}0", "USD", "10", "189.5"),
                *("-1895", "-1", 0, str(number), "2025-11-20 06:00:00.000000"),
            )

    with sqlite3.connect(path) as connection:
        marks = ", ".join("?" * len(columns.split(",")))
        connection.executemany(f"INSERT INTO entries ({columns}) VALUES ({marks})", rows())
    connection.close()


# What is measured. Each is called once to warm up on a tiny statement and database of its own.


def read(statement: Path, _database: str) -> Callable[[], None]:
    from stonks.brokers.ibkr.statement import read_statement

    def work() -> None:
        with statement.open("rb") as file:
            deque(read_statement(file), maxlen=0)

    return work


def stonks(statement: Path, database: str) -> Callable[[], None]:
    from stonks import process
    from stonks.brokers.ibkr.statement import read_statement
    from stonks.ledger import importing

    context = app_on(database).app_context()
    context.push()
    process.settle()  # as a worker does

    def work() -> None:
        with statement.open("rb") as file:
            # As a sync does it: the reading is gone before the write.
            importing.prepare(1, read_statement(file)).write(origin="sync", now=NOW)

    return work


def ibflex(statement: Path, _database: str) -> Callable[[], None]:
    from ibflex import parser

    return lambda: parser.parse(str(statement.with_suffix(".xml")))


MEASURED = {f.__name__: f for f in (bare_first, bare_again, read, stonks, ibflex)}


def measure(name: str, statement: Path, database: str, warm_statement: Path, warm_database: str) -> Found:
    """CPU seconds, and MB of peak memory above this process before it began."""
    make = MEASURED[name]
    make(warm_statement, warm_database)()
    work = make(statement, database)
    idle = peak_kib(anew=True)
    began = time.process_time()
    work()
    seconds = time.process_time() - began
    return {"seconds": seconds, "megabytes": (peak_kib() - idle) / 1024}


def peak_kib(*, anew: bool = False) -> int:
    """This process's peak memory, on Linux since the last time it was asked `anew`."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)
    if anew:
        Path("/proc/self/clear_refs").write_text("5")
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))


def in_a_child(*arguments: str) -> Found | None:
    command = [sys.executable, "-m", "bench.import_ledger", "--one", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode and "No module named 'ibflex'" not in done.stderr:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout) if done.returncode == 0 else None


def state_when_made(path: Path) -> None:
    """ibflex reads no statement that leaves it out."""
    stated = path.with_suffix(".stated")
    with path.open() as source, stated.open("w") as target:
        target.writelines(line.replace('whenGenerated=""', 'whenGenerated="20251120;060000"') for line in source)
    stated.rename(path)


class Place:
    """A folder with empty databases to copy, and a tiny statement to warm up on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.empty = folder / "empty.db"
        prepare_database(f"sqlite:///{self.empty}")
        self.small = folder / "small.csv"
        write_csv(self.small, 20, records=False)
        write_xml(self.small.with_suffix(".xml"), 20)
        state_when_made(self.small.with_suffix(".xml"))

    def statement(self, rows: int, *, xml: bool = False) -> Path:
        path = self.folder / f"{rows}.csv"
        if not path.exists():
            write_csv(path, trades_for(rows), records=False)
        if xml and not path.with_suffix(".xml").exists():
            write_xml(path.with_suffix(".xml"), trades_for(rows))
            state_when_made(path.with_suffix(".xml"))
        return path

    def copy(self, source: Path, name: str) -> Path:
        copied = self.folder / name
        for ending in ("", "-wal", "-shm"):
            Path(f"{copied}{ending}").unlink(missing_ok=True)
        shutil.copy(source, copied)
        return copied

    def measure(self, name: str, statement: Path, database: Path) -> Found | None:
        warm = self.copy(self.empty, "warm.db")
        return in_a_child(name, str(statement), f"sqlite:///{database}", str(self.small), f"sqlite:///{warm}")


def first_and_again(place: Place, rows: int) -> Rounds:
    """In this order, so that what is compared stands side by side; the second time on the database that the first time
    left."""
    with_ibflex = rows <= IBFLEX_MOST
    statement = place.statement(rows, xml=with_ibflex)
    found: Rounds = defaultdict(list)
    for _ in range(ROUNDS if with_ibflex else 1):
        mine, bare = place.copy(place.empty, "mine.db"), place.copy(place.empty, "bare.db")
        for name, work, database in (
            ("bare first", "bare_first", bare),
            ("first", "stonks", mine),
            *([("ibflex", "ibflex", mine)] if with_ibflex else []),
            ("again", "stonks", mine),
            ("bare again", "bare_again", bare),
            ("read", "read", mine),
        ):
            one = place.measure(work, statement, database)
            if one is not None:
                found[name].append(one)
    return found


def seconds(found: Rounds, name: str) -> float:
    return median(one["seconds"] for one in found[name])


def ratios(found: Rounds, name: str, other: str) -> list[float]:
    """How many times `other` the one took, in each round."""
    return [one["seconds"] / two["seconds"] for one, two in zip(found[name], found[other], strict=True)]


def show(rows: int, found: Rounds) -> None:
    for title, ours, least in (("first import", "first", "bare first"), ("again, nothing new", "again", "bare again")):
        bare, read, whole = (seconds(found, name) for name in (least, "read", ours))
        flex = (
            f"{seconds(found, 'ibflex'):.2f} | {told(ratios(found, 'ibflex', ours))}"
            if "ibflex" in found
            else "not run | "
        )
        print(
            f"| {rows:,} | {title} | {bare:.2f} | {read:.2f} | {whole - read:.2f} | {whole:.2f} "
            f"| {told(ratios(found, ours, least))} | {flex} | {most_megabytes(found, ours):.0f} |",
            flush=True,
        )


def told(several: list[float]) -> str:
    """The median, and the least and the most."""
    return f"{median(several):.1f} ({min(several):.1f} to {max(several):.1f})" if several[1:] else f"{several[0]:.1f}"


def most_megabytes(found: Rounds, name: str) -> float:
    return max(one["megabytes"] for one in found[name])


def verdicts(results: dict[int, Rounds], daily_ms: float, writes: int) -> None:
    print("\n| Aim | Measured | Holds |\n|---|---:|---|")

    def tell(aim: str, measured: float, most: float, *, at_least: bool = False) -> None:
        holds = measured >= most if at_least else measured <= most
        print(f"| {aim} | {measured:.1f} | {'yes' if holds else 'no'} |")

    for rows, found in results.items():
        for what, fast in (("first", 2), ("again", 8)):
            tell(f"{rows:,} {what}: at most 2 times bare", median(ratios(found, what, f"bare {what}")), 2)
            if "ibflex" in found:
                ratio = median(ratios(found, "ibflex", what))
                tell(f"{rows:,} {what}: {fast} times as fast as ibflex", ratio, fast, at_least=True)
        tell(f"{rows:,} first: at most 32 MB", most_megabytes(found, "first"), 32)
        tell(f"{rows:,} again: at most 128 MB", most_megabytes(found, "again"), 128)
    tell(f"{DAILY:,} known rows among {OTHERS:,}: at most 20 ms", daily_ms, 20)
    tell("and no write transaction", writes, 0)


def on_postgresql(place: Place, sizes: tuple[int, ...]) -> None:
    """Seconds of waiting: most of the work is the server's, in processes of its own."""
    from tests.servers import fresh_database, postgres_server

    print("\nPostgreSQL, seconds of waiting:\n\n| Rows | first import | again, nothing new |\n|---:|---:|---:|")
    with postgres_server(place.folder / "postgresql") as server:
        for rows in sizes:
            with fresh_database(server, "stonks_bench") as url:
                prepare_database(url)
                work = stonks(place.statement(rows), url)
                times = []
                for _ in range(2):
                    began = time.perf_counter()
                    work()
                    times.append(time.perf_counter() - began)
                print(f"| {rows:,} | {times[0]:.1f} | {times[1]:.1f} |", flush=True)


class Held:
    """A statement that is read already: what is measured after it is the ledger's part alone."""

    def __init__(self, records: list[Any], summary: StatementSummary) -> None:
        self._records, self.summary = records, summary

    def __iter__(self) -> Iterator[Any]:
        return iter(self._records)


def daily(place: Place) -> tuple[float, int]:
    """A day's statement, all of it known, with a million rows of others in the table: milliseconds, the middle of many,
    and how many write transactions there were."""
    from stonks.brokers.ibkr.statement import read_statement
    from stonks.db import db
    from stonks.ledger import importing

    database = place.copy(place.empty, "daily.db")
    add_others(database, OTHERS)
    statement = place.statement(DAILY)
    with app_on(f"sqlite:///{database}").app_context(), statement.open("rb") as file:
        importing.import_reading(1, read_statement(file), origin="sync", now=NOW)
        file.seek(0)
        records = list(reading := read_statement(file))
        again = Held(records, reading.summary)
        times: list[float] = []
        writes = 0

        def count(_connection: Any, _cursor: Any, sql: str, *_: Any) -> None:
            nonlocal writes
            writes += sql.startswith("BEGIN IMMEDIATE")

        event.listen(db.engine, "before_cursor_execute", count)
        for _ in range(25):
            began = time.process_time()
            importing.import_reading(1, again, origin="sync", now=NOW)
            times.append(time.process_time() - began)
        middle = sorted(times)[len(times) // 2] * 1000
        print(
            f"\nStore part of a daily sync, {DAILY:,} known rows beside {OTHERS:,} of others: first "
            f"{times[0] * 1000:.1f} ms, best {min(times) * 1000:.1f} ms, median {middle:.1f} ms, {writes} write "
            "transactions."
        )
        return middle, writes


def main(sizes: tuple[int, ...], *, postgresql: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder))
        print("CPU seconds; memory in MB above idle.\n")
        print("| Rows | What | bare | read | store | read + store | times bare | ibflex parses | times faster | MB |")
        print("|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|")
        results = {}
        for rows in sizes:
            results[rows] = first_and_again(place, rows)
            show(rows, results[rows])
        verdicts(results, *daily(place))
        if postgresql:
            on_postgresql(place, sizes)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        name, statement, database, warm_statement, warm_database = sys.argv[2:]
        print(json.dumps(measure(name, Path(statement), database, Path(warm_statement), warm_database)))
    else:
        numbers = tuple(int(word) for word in sys.argv[1:] if word != "--postgresql")
        main(numbers or SIZES, postgresql="--postgresql" in sys.argv)
