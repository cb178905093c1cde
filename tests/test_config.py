"""Settings: defaults that work, nonsense that is named, keys that stay private."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from stonks.config import ROOT, ConfigError, new_token_key, read_settings
from stonks.prices.registry import price_source


def read(folder: Path, **variables: str):
    return read_settings({"STONKS_DATA": str(folder / "data"), **variables})


def test_everything_has_a_default(tmp_path: Path) -> None:
    settings = read(tmp_path)
    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 8000, 1)
    assert settings.database_url == f"sqlite:///{tmp_path}/data/stonks.db"
    assert settings.redis_url is None
    assert settings.flex_url == "https://ndcdyn.interactivebrokers.com/AccountManagement/FlexWebService"
    assert settings.first_wait == timedelta(seconds=10)
    assert (settings.keep_statements, settings.keep_runs) == (timedelta(days=35), timedelta(days=90))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STONKS_PORT", "eighty"),
        ("STONKS_PORT", "0"),
        ("STONKS_PORT", "70000"),
        ("STONKS_PORT", "٣"),
        ("STONKS_WORKERS", "0"),
        ("STONKS_WORKERS", "-1"),
        ("STONKS_WORKERS", "1.5"),
        ("STONKS_REGISTRATION", "perhaps"),
        ("STONKS_LOG", "xml"),
        ("STONKS_POLL_SECONDS", "soon"),
        ("STONKS_POLL_SECONDS", "1e1"),
        ("STONKS_POLL_SECONDS", "-1"),
        ("STONKS_POLL_SECONDS", "601"),
        ("STONKS_TICK_SECONDS", "0"),
        ("STONKS_SYNC_EVERY", "daily"),
        ("STONKS_MAX_UPLOAD_MB", "lots"),
        ("STONKS_KEEP_STATEMENTS_DAYS", "forever"),
        ("STONKS_KEEP_STATEMENTS_DAYS", "-1"),
        ("STONKS_KEEP_STATEMENTS_DAYS", "3651"),
        ("STONKS_KEEP_RUNS_DAYS", "0"),
        ("DATABASE_URL", "mysql://somewhere/db"),
        ("REDIS_URL", "http://localhost"),
        ("STONKS_FLEX_URL", "ftp://example.com"),
        ("STONKS_FLEX_URL", "http://example.com/FlexWebService"),
        ("STONKS_PRICE_SOURCE", "yahoo"),
        ("STONKS_PRICE_SOURCE", "tiingo"),
        ("STONKS_PRICE_URL", "http://example.com"),
        ("STONKS_TOKEN_KEYS", "not a key"),
        ("STONKS_TOKEN_KEYS", ","),
        ("STONKS_SECRET_KEY", "   "),
    ],
)
def test_nonsense_is_named_in_one_line(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, **{name: value})
    line = str(caught.value)
    assert name in line
    assert "takes" in line
    assert "\n" not in line


def test_waits_may_be_parts_of_a_second(tmp_path: Path) -> None:
    settings = read(tmp_path, STONKS_POLL_SECONDS="0.25", STONKS_TICK_SECONDS="0.5", STONKS_SYNC_EVERY="1.5")
    waits = settings.first_wait, settings.tick, settings.sync_every
    assert waits == (timedelta(milliseconds=250), timedelta(milliseconds=500), timedelta(milliseconds=1500))


def test_a_bad_token_key_is_not_repeated_in_the_complaint(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, STONKS_TOKEN_KEYS=f"{new_token_key()},tooshort")
    assert "tooshort" not in str(caught.value)


@pytest.mark.parametrize("name", ["secret.key", "token.keys"])
def test_a_key_file_that_was_never_written_to_its_end_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / name).write_text("")
    with pytest.raises(ConfigError, match=name):
        read(tmp_path)


def test_a_key_that_another_process_is_about_to_write_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "secret.key"
    path.write_text("")
    other = threading.Timer(0.2, path.write_text, ["written by the other process"])
    other.start()
    assert read(tmp_path).secret_key == "written by the other process"
    other.join()


def test_a_secret_that_can_be_guessed_is_called_weak(tmp_path: Path) -> None:
    assert read(tmp_path, STONKS_SECRET_KEY="correct horse").weak_secret
    assert read(tmp_path, STONKS_SECRET_KEY="ab" * 20).weak_secret
    assert not read(tmp_path, STONKS_SECRET_KEY="correct horse battery").weak_secret
    assert not read(tmp_path).weak_secret  # as it was made


@pytest.mark.parametrize("command", [["app.py"], ["-m", "flask", "--app", "app", "keys", "new"]])
def test_nonsense_stops_every_command_with_status_2(tmp_path: Path, command: list[str]) -> None:
    environment = os.environ | {"STONKS_DATA": str(tmp_path), "STONKS_PORT": "eighty"}
    done = subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["STONKS_PORT='eighty' makes no sense: it takes a whole number from 1 to 65535."]


def test_keys_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    first, second = read(tmp_path), read(tmp_path)
    assert (first.secret_key, first.token_keys) == (second.secret_key, second.token_keys)
    for name in ("secret.key", "token.keys"):
        assert stat.S_IMODE((tmp_path / "data" / name).stat().st_mode) == 0o600


def test_secrets_do_not_show_in_repr(tmp_path: Path) -> None:
    settings = read(tmp_path, DATABASE_URL="postgresql://me:hunter2@db/stonks", REDIS_URL="redis://:hunter3@r")
    shown = repr(settings)
    for secret in ("hunter2", "hunter3", settings.secret_key, *settings.token_keys):
        assert secret not in shown


def test_there_is_no_price_source_unless_one_is_set(tmp_path: Path) -> None:
    assert (read(tmp_path).price_source, read(tmp_path).price_url) == (None, "")
    assert price_source(read(tmp_path, STONKS_PRICE_KEY="hunter4")) is None
    settings = read(tmp_path, STONKS_PRICE_SOURCE="tiingo", STONKS_PRICE_KEY="hunter4")
    assert settings.price_url == "https://api.tiingo.com"
    assert "hunter4" not in repr(settings)
    source = price_source(settings)
    assert source is not None
    assert source.name == "Tiingo"


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="STONKS_DATA"):
        read_settings({"STONKS_DATA": str(tmp_path / "file" / "data")})


def test_short_spellings_of_postgresql_work(tmp_path: Path) -> None:
    assert read(tmp_path, DATABASE_URL="postgres://db/x").database_url == "postgresql+psycopg://db/x"


def test_a_deep_data_folder_gets_its_socket_elsewhere(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    socket = read_settings({"STONKS_DATA": str(deep)}).redis_socket
    assert len(os.fsencode(socket)) < 104
    assert socket == read_settings({"STONKS_DATA": str(deep)}).redis_socket
