"""An end to a whole answer, its head included. A read timeout begins anew with every byte, so a head that comes drop by
drop would never meet it."""

from __future__ import annotations

import http.client
import io
import threading
import time
from functools import cache
from typing import Any

_here = threading.local()


def set_deadline(at: float) -> None:
    """For what this thread reads from now on, by time.monotonic()."""
    _here.at = at


class _Timed(io.RawIOBase):
    def __init__(self, source: io.RawIOBase) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Raises TimeoutError."""
        at = getattr(_here, "at", None)
        if at is not None and time.monotonic() > at:
            raise TimeoutError("the answer took too long")
        return self._source.readinto(buffer)

    def close(self) -> None:
        self._source.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.fp = io.BufferedReader(_Timed(self.fp.detach()))  # type: ignore[attr-defined]


@cache
def timed(connection: type[http.client.HTTPConnection]) -> type[http.client.HTTPConnection]:
    """The same kind of connection, whose answers end at the thread's deadline."""
    if getattr(connection, "response_class", None) is _TimedResponse:
        return connection
    return type(f"Timed{connection.__name__}", (connection,), {"response_class": _TimedResponse})
