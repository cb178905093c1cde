"""What waitress answers before the app is asked."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
import waitress
from flask import Flask
from waitress.channel import HTTPChannel

from stonks.serve import refusing


@pytest.fixture
def port(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(HTTPChannel, "error_task_class", refusing(app))
    server = waitress.create_server(app, host="127.0.0.1", port=0, max_request_body_size=1_000)

    def serve() -> None:
        with suppress(OSError):  # its socket is closed while it waits
            server.run()

    threading.Thread(target=serve, daemon=True).start()
    yield server.effective_port
    server.close()


def test_a_body_larger_than_any_upload_may_be_is_refused_in_words(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest("POST", "/portfolios/1/import")
    connection.putheader("Content-Length", "200000000")
    connection.putheader("Content-Type", "multipart/form-data; boundary=x")
    connection.endheaders()
    answer = connection.getresponse()
    text = answer.read().decode()
    assert answer.status == 413
    assert "That file is too large" in text
    assert "Nothing was imported. Uploads may have up to 50 MB" in text
    assert "default-src" in answer.headers["Content-Security-Policy"]


def test_what_is_no_request_is_refused_as_before(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest("GET", "/")
    connection.putheader("Content-Length", "many")
    connection.endheaders()
    assert connection.getresponse().status == 400
