"""Log lines: one shape per setting, and never a token, not even out of somebody else's exception."""

from __future__ import annotations

import json
import logging

import pytest
from flask.testing import FlaskClient

from stonks.logs import JsonFormatter, TextFormatter

TOKEN = "111122223333444455556666"


def failing_record() -> logging.LogRecord:
    try:
        raise OSError(f"Max retries exceeded with url: /FlexWebService/SendRequest?t={TOKEN}&q=1234567&v=3")
    except OSError as error:
        exc_info = (type(error), error, error.__traceback__)
    return logging.LogRecord("urllib3", logging.ERROR, "", 1, "GET /x?v=3&t=%s failed", (TOKEN,), exc_info)


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_tokens_are_masked_in_messages_and_tracebacks(formatter: logging.Formatter) -> None:
    line = formatter.format(failing_record())
    assert TOKEN not in line
    assert "q=1234567" in line
    assert "OSError" in line


@pytest.mark.parametrize("text", [f'{{"token": "{TOKEN}"}}', f"token={TOKEN}", f"'t={TOKEN}'", TOKEN, "token: abc"])
def test_every_spelling_is_masked(text: str) -> None:
    record = logging.LogRecord("x", logging.INFO, "", 1, text, None, None)
    assert TOKEN not in TextFormatter().format(record)
    assert "abc" not in TextFormatter().format(record)


def test_json_lines_are_json() -> None:
    line = json.loads(JsonFormatter().format(failing_record()))
    assert line["level"] == "error"
    assert line["logger"] == "urllib3"


def test_each_answer_names_its_request(client: FlaskClient) -> None:
    first, second = client.get("/healthz"), client.get("/healthz")
    assert len(first.headers["X-Request-ID"]) == 12
    assert first.headers["X-Request-ID"] != second.headers["X-Request-ID"]
