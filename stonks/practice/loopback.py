"""A small threaded HTTP server on loopback that can also misbehave: wait, trickle, break off."""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from stonks.practice.answers import Answer

Handle = Callable[[str, Mapping[str, str], Mapping[str, str]], Answer]  # path, parameters, headers (lower case)
_WORTH_PACKING = 2048
_LONGEST_FORM = 64 * 1024


class LoopbackServer:
    """Listens from the moment it is made, answers between start() and stop()."""

    def __init__(self, host: str, port: int, handle: Handle) -> None:
        self._server = _Server((host, port), handle)
        self._thread: threading.Thread | None = None

    @property
    def origin(self) -> str:
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def start(self) -> None:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._thread:
            self._server.shutdown()
            self._thread.join()
            self._thread = None
        self._server.server_close()
        self._server.cut_connections()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handle: Handle) -> None:
        self.handle_call = handle
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in mid-answer is no news."""

    def cut_connections(self) -> None:
        with self._open_lock:
            still_open = list(self._open)
        for connection in still_open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave in one packet
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._respond(urlsplit(self.path).query)

    def do_POST(self) -> None:
        """The service takes a form as well."""
        length = min(int(self.headers.get("Content-Length") or 0), _LONGEST_FORM)
        self._respond(self.rfile.read(length).decode("ascii", "replace"))

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing: the address holds the token."""

    def _respond(self, query: str) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.handle_call(urlsplit(self.path).path, dict(parse_qsl(query)), headers)
        if answer.delay:
            time.sleep(answer.delay)
        body, extra = answer.body, dict(answer.headers)
        plain = not (answer.trickle or answer.break_after is not None or "Content-Encoding" in extra)
        if plain and len(body) > _WORTH_PACKING and "gzip" in headers.get("accept-encoding", ""):
            body, extra["Content-Encoding"] = gzip.compress(body, 1), "gzip"
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in extra.items():
            self.send_header(name, value)
        self.end_headers()
        if answer.break_after is not None:
            self.wfile.write(body[: answer.break_after])
            self.close_connection = True
        elif answer.trickle:
            for index in range(len(body)):
                self.wfile.write(body[index : index + 1])
                self.wfile.flush()
                time.sleep(answer.trickle)
        else:
            self.wfile.write(body)
