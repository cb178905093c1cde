"""One parent process for everything on one machine: Redis, web, workers, scheduler. What dies is started again;
a signal stops all within two seconds. It knows commands and processes only, nothing of what they do.
"""

from __future__ import annotations

import errno
import fcntl
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from stonks import demo, embedded_redis, logs
from stonks.children import Child
from stonks.config import ROOT, Settings, settings_or_exit
from stonks.embedded_redis import RedisMissing

_LOOP_SECONDS = 0.1
_ASK_TWICE_AFTER = 0.6  # a worker in mid-job ends on the second request only
_KILL_AFTER = 1.2


class StartError(Exception):
    """Why nothing was started; its text is the one line shown."""


def main(arguments: Sequence[str]) -> int:
    """Runs until told to stop. Exit status: 0 stopped as asked, 1 could not start, 2 a setting makes no sense."""
    practice = None
    if list(arguments) == ["demo"]:
        practice = demo.prepare_environment()
    elif arguments:
        print("usage: python app.py [demo]", file=sys.stderr)
        return 2
    os.umask(0o077)  # what is written into the data folder is for its owner
    settings = settings_or_exit()
    os.environ["STONKS_DATA"] = str(settings.data)
    logs.configure(settings.json_logs)
    supervisor = Supervisor(settings, practice)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, supervisor.ask_to_stop)
    try:
        supervisor.run()
    except (StartError, RedisMissing) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


class Supervisor:
    def __init__(self, settings: Settings, practice: list[str] | None) -> None:
        self._settings = settings
        self._practice = practice  # the demo's broker: its command
        self._children: list[Child] = []  # Redis first: it is stopped last
        self._stopping = False

    def ask_to_stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def run(self) -> None:
        """Starts everything, keeps it running, stops it when asked. Raises StartError, RedisMissing."""
        self._settings.run_folder.mkdir(mode=0o700, exist_ok=True)
        with _Lock(self._settings.run_folder / "supervisor.pid"), _listen(self._settings) as listener:
            try:
                self._start(listener)
                self._watch()
            finally:
                self._stop()

    def _start(self, listener: socket.socket) -> None:
        settings = self._settings
        if settings.redis_url is None:
            embedded_redis.stop_leftover(settings)
            self._add("redis", embedded_redis.command(settings))
        if self._practice:
            self._add("practice", self._practice)
        embedded_redis.wait_for(settings.effective_redis_url, seconds=5)
        self._to_end("prepare the database", _python("-m", "stonks.migrating"))
        if self._practice:
            self._to_end("prepare the demo", _python("-m", "stonks.demo_data"))
        if self._stopping:
            return
        self._add("web", _python("-m", "stonks.serve", str(listener.fileno())), pass_fds=(listener.fileno(),))
        for number in range(1, settings.workers + 1):
            self._add(f"worker-{number}", _python("worker.py"))
        self._add("scheduler", _python("worker.py", "--schedule"))

    def _add(self, name: str, command: list[str], pass_fds: tuple[int, ...] = ()) -> None:
        child = Child(name, command, self._settings.run_folder / f"{name}.pid", pass_fds)
        self._children.append(child)
        child.start()

    def _to_end(self, what: str, command: list[str]) -> None:
        """Runs a command that ends by itself; raises StartError when it fails."""
        process = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
        while process.poll() is None:
            if self._stopping:
                process.kill()
                process.wait()
                return
            time.sleep(_LOOP_SECONDS)
        if process.returncode:
            raise StartError(f"Could not {what}: see the lines above. Nothing was started.")

    def _watch(self) -> None:
        ready = False
        while not self._stopping:
            for child in self._children:
                child.tend()
            if not ready:
                ready = _answers(self._settings)
                if ready:
                    self._say_ready()
            time.sleep(_LOOP_SECONDS)

    def _say_ready(self) -> None:
        host = _reachable(self._settings.host)
        if self._practice:
            print(demo.how_to_sign_in())
        print(
            f"Stonksfolio is ready at http://{f'[{host}]' if ':' in host else host}:{self._settings.port}", flush=True
        )

    def _stop(self) -> None:
        redis = [child for child in self._children if child.name == "redis"]
        others = [child for child in self._children if child.name != "redis"]
        _end(others, _ASK_TWICE_AFTER, _KILL_AFTER)
        _end(redis, 0.4, 0.5)
        if redis:
            embedded_redis.remove_socket(self._settings)


def _end(children: list[Child], ask_again: float, kill: float) -> None:
    for child in children:
        child.signal(signal.SIGTERM)
    began, asked_again = time.monotonic(), False
    while any(child.alive() for child in children):
        waited = time.monotonic() - began
        if waited > kill:
            for child in children:
                child.signal(signal.SIGKILL)
        elif waited > ask_again and not asked_again:
            asked_again = True
            for child in children:
                child.signal(signal.SIGTERM)
        time.sleep(0.01)
    for child in children:
        child.forget()


class _Lock:
    """One supervisor per data folder; the lock goes with the process, however it ends."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        self._file = self._path.open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.seek(0)
            pid = self._file.read().strip() or "unknown"
            raise StartError(
                f"Stonksfolio already runs on {self._path.parent.parent} (process {pid}). "
                "Stop it first, or set STONKS_DATA to another folder."
            ) from None
        self._file.truncate(0)
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()

    def __exit__(self, *_error: object) -> None:
        self._file.truncate(0)
        self._file.close()


def _listen(settings: Settings) -> socket.socket:
    """The web's socket, opened here so that a port in use is said at once and a web that restarts loses no visitor."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=256)
    except OSError as error:
        number = error.errno or 0
        if number < 0 or number == errno.EADDRNOTAVAIL:  # below zero: what the name service says
            raise StartError(
                f"STONKS_HOST={settings.host!r} makes no sense: it takes an address of this machine, "
                "as 127.0.0.1, or 0.0.0.0 for all of them."
            ) from None
        why = os.strerror(number)  # create_server adds to the text
        raise StartError(
            f"Port {settings.port} on {settings.host} can't be used ({why}). "
            "Stop what uses it, or set STONKS_PORT to another one."
        ) from None


def _answers(settings: Settings) -> bool:
    """Whether the web serves yet (its socket, opened here, accepts from the start)."""
    connection = http.client.HTTPConnection(_reachable(settings.host), settings.port, timeout=0.5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status > 0
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _reachable(host: str) -> str:
    """Where this machine itself finds what listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


def _python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]
