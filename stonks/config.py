"""Settings, read once from the environment. Nonsense stops the start with one line that names the variable.

Keys that nobody set are made on the first start and kept in the data folder, readable by its owner only.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.fernet import Fernet

ROOT = Path(__file__).parent.parent
# A socket's path must fit in 104 bytes on macOS and 108 on Linux; a deep data folder gets its socket elsewhere.
_LONGEST_SOCKET_PATH = 100
_SHORTEST_SECRET, _FEWEST_CHARACTERS = 16, 8  # of them different ones
_LOOKS, _BETWEEN_LOOKS_SECONDS = 20, 0.05  # for a key that another process is writing
_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,3})?")
PRICE_SOURCES = {"tiingo": "https://api.tiingo.com"}  # code, and where it is
DEFAULT_FLEX_URL = "https://ndcdyn.interactivebrokers.com/AccountManagement/FlexWebService"


class ConfigError(Exception):
    """A variable that makes no sense. Its text is the one line shown: which variable, and what it takes."""


@dataclass(frozen=True, slots=True)
class Settings:
    data: Path
    host: str
    port: int
    database_url: str = field(repr=False)
    redis_url: str | None = field(repr=False)  # None: the embedded Redis of the data folder
    secret_key: str = field(repr=False)
    token_keys: tuple[str, ...] = field(repr=False)  # the first seals, all open
    workers: int
    open_registration: bool
    flex_url: str
    first_wait: timedelta  # before the first look for a statement
    tick: timedelta  # of the scheduler
    sync_every: timedelta | None  # replaces the daily window
    page_patience: (
        timedelta  # with a database that somebody else writes to, before a page says that nothing was changed
    )
    max_upload_bytes: int
    keep_statements: timedelta  # zero: none beyond what a first import needs
    keep_runs: timedelta  # in the history
    json_logs: bool
    metrics_token: str | None = field(repr=False)
    price_source: str | None  # a code of PRICE_SOURCES
    price_url: str
    price_key: str | None = field(repr=False)
    trusted_proxy: str | None  # a proxy on another machine whose X-Forwarded-* headers count; "*" for any

    @property
    def weak_secret(self) -> bool:
        """Whether the secret key can be guessed: who does signs in as anyone."""
        return len(self.secret_key.strip()) < _SHORTEST_SECRET or len(set(self.secret_key)) < _FEWEST_CHARACTERS

    @property
    def run_folder(self) -> Path:
        """Process ids, the start lock, the Redis socket."""
        return self.data / "run"

    @property
    def workers_folder(self) -> Path:
        """Where each worker of this machine keeps a lock that tells whether it lives (stonks/presence.py)."""
        return self.run_folder / "workers"

    @property
    def redis_socket(self) -> Path:
        socket = self.run_folder / "redis.sock"
        if len(os.fsencode(socket)) < _LONGEST_SOCKET_PATH:
            return socket
        name = sha256(os.fsencode(self.data)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"stonks-{os.getuid()}-{name}" / "redis.sock"

    @property
    def effective_redis_url(self) -> str:
        return self.redis_url or f"unix://{self.redis_socket}"


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from `environ` (the process's by default); makes data folder and keys. Raises ConfigError."""
    env = os.environ if environ is None else environ
    price_source = _price_source(env)
    data = Path(env.get("STONKS_DATA") or ROOT / "instance").absolute()
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"STONKS_DATA={str(data)!r} makes no sense: it takes a folder to write in ({error.strerror})."
        ) from None
    return Settings(
        data=data,
        host=env.get("STONKS_HOST") or "127.0.0.1",
        port=_whole(env, "STONKS_PORT", 8000, 1, 65535),
        database_url=_database_url(env, data),
        redis_url=_redis_url(env),
        secret_key=_secret_key(env, data),
        token_keys=_token_keys(env, data),
        workers=_whole(env, "STONKS_WORKERS", 1, 1, 64),
        open_registration=_choice(env, "STONKS_REGISTRATION", "closed", ("closed", "open")) == "open",
        flex_url=_web_address(env, "STONKS_FLEX_URL", DEFAULT_FLEX_URL),
        first_wait=_seconds(env, "STONKS_POLL_SECONDS", 10, "0", 600),
        tick=_seconds(env, "STONKS_TICK_SECONDS", 15, "0.1", 3600),
        sync_every=_seconds(env, "STONKS_SYNC_EVERY", 0, "1", 604800) or None,
        page_patience=_seconds(env, "STONKS_BUSY_SECONDS", 5, "0", 60),
        max_upload_bytes=_whole(env, "STONKS_MAX_UPLOAD_MB", 50, 1, 1024) * 1024 * 1024,
        keep_statements=timedelta(days=_whole(env, "STONKS_KEEP_STATEMENTS_DAYS", 35, 0, 3650)),
        keep_runs=timedelta(days=_whole(env, "STONKS_KEEP_RUNS_DAYS", 90, 1, 3650)),
        json_logs=_choice(env, "STONKS_LOG", "text", ("text", "json")) == "json",
        metrics_token=env.get("STONKS_METRICS_TOKEN") or None,
        price_source=price_source,
        price_url=_web_address(env, "STONKS_PRICE_URL", PRICE_SOURCES.get(price_source or "", "")),
        price_key=env.get("STONKS_PRICE_KEY") or None,
        trusted_proxy=env.get("STONKS_PROXY") or None,
    )


def settings_or_exit() -> Settings:
    """Settings from the environment; nonsense ends the process with its one line and exit status 2."""
    try:
        return read_settings()
    except ConfigError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def new_token_key() -> str:
    return Fernet.generate_key().decode()


def _whole(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = env.get(name)
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise ConfigError(f"{name}={text!r} makes no sense: it takes a whole number from {low} to {high}.")
    return int(text)


def _seconds(env: Mapping[str, str], name: str, default: int, low: str, high: int) -> timedelta:
    text = env.get(name)
    if not text:
        return timedelta(seconds=default)
    if not _SECONDS.fullmatch(text) or not Decimal(low) <= Decimal(text) <= high:
        raise ConfigError(f"{name}={text!r} makes no sense: it takes seconds from {low} to {high}.")
    return timedelta(milliseconds=int(Decimal(text) * 1000))


def _choice(env: Mapping[str, str], name: str, default: str, allowed: tuple[str, ...]) -> str:
    text = env.get(name) or default
    if text not in allowed:
        raise ConfigError(f"{name}={text!r} makes no sense: it takes {' or '.join(allowed)}.")
    return text


def _database_url(env: Mapping[str, str], data: Path) -> str:
    url = env.get("DATABASE_URL")
    if not url:
        return f"sqlite:///{data / 'stonks.db'}"
    # Hosting services hand out the two short spellings; the driver installed here is psycopg 3.
    for short in ("postgres://", "postgresql://"):
        if url.startswith(short):
            return "postgresql+psycopg://" + url.removeprefix(short)
    if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ConfigError("DATABASE_URL makes no sense: it takes postgresql://… or sqlite:///….")
    return url


def _redis_url(env: Mapping[str, str]) -> str | None:
    url = env.get("REDIS_URL") or None
    if url and not url.startswith(("redis://", "rediss://", "unix://")):
        raise ConfigError("REDIS_URL makes no sense: it takes redis://…, rediss://… or unix://….")
    return url


def _price_source(env: Mapping[str, str]) -> str | None:
    code = _choice(env, "STONKS_PRICE_SOURCE", "off", ("off", *PRICE_SOURCES))
    if code == "off":
        return None
    if not env.get("STONKS_PRICE_KEY"):
        raise ConfigError(f"STONKS_PRICE_SOURCE={code!r} makes no sense alone: it takes a STONKS_PRICE_KEY beside it.")
    return code


def _web_address(env: Mapping[str, str], name: str, default: str) -> str:
    url = (env.get(name) or default).rstrip("/")
    if not url:
        return url
    parts = urlsplit(url)
    loopback = parts.hostname in ("127.0.0.1", "localhost", "::1")
    if not parts.hostname or parts.query or parts.scheme not in ("https", "http"):
        raise ConfigError(f"{name}={url!r} makes no sense: it takes an https address without a query.")
    if parts.scheme == "http" and not loopback:
        raise ConfigError(f"{name} makes no sense: plain http would show tokens on the way; it takes https.")
    return url


def _secret_key(env: Mapping[str, str], data: Path) -> str:
    given = env.get("STONKS_SECRET_KEY")
    path = data / "secret.key"
    text = given if given else _kept(path, lambda: secrets.token_urlsafe(48))
    if not text.strip():
        name = "STONKS_SECRET_KEY" if given else path
        raise ConfigError(f"{name} makes no sense: it takes a long random text; without it, one is made.")
    return text


def _token_keys(env: Mapping[str, str], data: Path) -> tuple[str, ...]:
    given = env.get("STONKS_TOKEN_KEYS")
    path = data / "token.keys"
    text = given if given else _kept(path, new_token_key)
    keys = tuple(key.strip() for key in text.replace("\n", ",").split(",") if key.strip())
    name = "STONKS_TOKEN_KEYS" if given else str(path)
    if not keys:
        raise ConfigError(f"{name} makes no sense: it takes Fernet keys, comma-separated; without it, one is made.")
    for key in keys:
        try:
            Fernet(key)
        except ValueError:
            raise ConfigError(f"{name} makes no sense: it takes Fernet keys, comma-separated.") from None
    return keys


def _kept(path: Path, make: Callable[[], str]) -> str:
    """The text of `path`, made and written 0600 on the first call. Two processes starting at once agree on one text."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _written(path)
    text = make()
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
    return text


def _written(path: Path) -> str:
    """The text of a file that another process may be about to write; "" when nothing came."""
    for _ in range(_LOOKS):
        text = path.read_text().strip()
        if text:
            return text
        time.sleep(_BETWEEN_LOOKS_SECONDS)
    return ""
