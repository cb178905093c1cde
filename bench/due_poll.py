"""What it costs the scheduler to look for what is due among a million connections and as many past runs, of which none
is, and the plan that the database chose. CPU time, the best of many looks, so that others' load tells little. On SQLite,
and on PostgreSQL where the tests can start one.

Run: python -m bench.due_poll [connections]
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import String, cast, event, insert, literal, select

from bench.import_ledger import app_on
from stonks.accounts.tables import User
from stonks.db import Base, db, transaction
from stonks.ledger.tables import Portfolio
from stonks.sync import clock, schedule
from stonks.sync.tables import Connection, SyncRun
from tests.servers import ServerMissing, fresh_database, postgres_server

NOW = datetime(2025, 11, 20, 6, tzinfo=UTC)
CONNECTIONS = 1_000_000
AT_ONCE = 1_000  # rows that are due in the same second
LOOKS = 300


def fill(count: int) -> None:
    """Connections that are due some time in the next 24 hours, each with yesterday's run."""
    db.create_all()
    with transaction():
        db.session.add(User(id=1, email="a@example.com", password_hash="-", session_epoch=0, created_at=NOW))
    portfolio: dict[str, Any] = {"user_id": 1, "name": "P", "base_currency": "EUR", "created_at": NOW}
    connection: dict[str, Any] = {"broker": "ibkr", "state": "ACTIVE", "state_since": NOW, "slot": 0}
    connection |= {"public_fields": "{}", "credentials_version": 1, "tries": 0, "created_at": NOW}
    run: dict[str, Any] = {"broker": "ibkr", "reason": "schedule", "state": "SUCCEEDED", "credentials_version": 1}
    run |= {"step": 3, "attempts": 0, "requests": 1, "with_period": True, "started_over": False}
    for first in range(1, count + 1, AT_ONCE):
        last = min(first + AT_ONCE, count + 1) - 1
        due = NOW + timedelta(seconds=1 + first * 6_181 % 86_400)
        ran = due - timedelta(days=1, seconds=1)
        with transaction():
            add_rows(Portfolio, first, last, (), portfolio)
            add_rows(Connection, first, last, ("portfolio_id",), connection | {"next_run_at": due})
            times = {"queued_at": ran, "called_at": ran, "finished_at": ran}
            add_rows(SyncRun, first, last, ("portfolio_id", "connection_id"), run | times)


def add_rows(table: type[Base], first: int, last: int, numbered: tuple[str, ...], values: dict[str, Any]) -> None:
    """One row for each number; made by the database itself, which is many times faster."""
    numbers = select(literal(first).label("n")).cte("numbers", recursive=True)
    numbers = numbers.union_all(select(numbers.c.n + 1).where(numbers.c.n < last))
    columns = table.__table__.c
    told: dict[str, Any] = dict.fromkeys(("id", *numbered), numbers.c.n)
    if "allowance" in columns:
        told["allowance"] = cast(numbers.c.n, String)
    told |= {name: literal(value, columns[name].type) for name, value in values.items()}
    db.session.execute(insert(table).from_select(list(told), select(*told.values())))


def asked_by(look: Callable[[], object]) -> list[tuple[str, Any]]:
    """The statements of one look."""
    said: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, sql: str, parameters: Any, *_: Any) -> None:
        said.append((sql, parameters))

    event.listen(db.engine, "before_cursor_execute", note)
    look()
    event.remove(db.engine, "before_cursor_execute", note)
    return [(sql, parameters) for sql, parameters in said if sql.startswith("SELECT")]


def plan(look: Callable[[], object]) -> str:
    sql, parameters = asked_by(look)[0]
    sqlite = db.engine.dialect.name == "sqlite"
    explain = "EXPLAIN QUERY PLAN " if sqlite else "EXPLAIN "
    found = db.session.connection().exec_driver_sql(explain + sql, parameters).all()
    db.session.rollback()
    lines = [row[-1].strip() for row in found]
    return "; ".join(line.split("  (")[0] for line in lines if "SEARCH" in line or "SCAN" in line or " on " in line)


def look_at(database: str, count: int) -> None:
    half_a_second = timedelta(seconds=0.5)
    looks: dict[str, Callable[[], object]] = {
        "connections to sync": lambda: schedule.start_due(NOW),
        "steps, each half second": lambda: schedule.wake_due(NOW - half_a_second, NOW),
        "steps, each tick": lambda: schedule.wake_due(None, NOW),
        "expired leases": lambda: schedule.free_held_too_long(NOW),
        "runs from the future": lambda: clock._runs_from_the_future(NOW),
    }
    for name, look in looks.items():
        look()
        sql, parameters = asked_by(look)[0]
        driver: Any = db.session.connection().connection.driver_connection
        query = min(cpu_ms(lambda: driver.execute(sql, parameters).fetchall()) for _ in range(LOOKS))  # noqa: B023
        chosen = plan(look)
        whole = min(cpu_ms(look) for _ in range(LOOKS))
        print(f"| {database} | {count:,} | {name} | {query:.3f} | {whole:.2f} | {chosen} |", flush=True)


def cpu_ms(what: Callable[[], object]) -> float:
    began = time.process_time()
    what()
    return (time.process_time() - began) * 1000


def measure(database: str, url: str, count: int) -> None:
    with app_on(url).app_context():
        fill(count)
        if database == "PostgreSQL":
            with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("ANALYZE")
        look_at(database, count)
        db.session.remove()
        db.engine.dispose()


def main(count: int) -> None:
    print("| Database | Connections | Look for | Query, ms | Whole look, ms | Plan |\n|---|---:|---|---:|---:|---|")
    with tempfile.TemporaryDirectory(prefix="st-", dir="/tmp") as folder:
        measure("SQLite", f"sqlite:///{Path(folder, 'bench.db')}", count)
        try:
            with postgres_server(Path(folder)) as server, fresh_database(server, "bench") as url:
                measure("PostgreSQL", url, count)
        except ServerMissing as error:
            print(f"| PostgreSQL | | not run: {error} | | | |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else CONNECTIONS)
