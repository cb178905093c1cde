"""Log lines, as text or JSON, each with the id of the request it belongs to.

Second guard against tokens in logs (the first: broker errors never carry them): what looks like one is masked in
every line, tracebacks included.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import uuid
from datetime import UTC, datetime

from flask import Flask, Response, g, has_request_context

# IBKR's requests carry the token in the query string: t=…; tokens are runs of digits, 15 or more.
_SECRETS = re.compile(r"(?i)([?&;\s\"']t=|token[\"']?\s*[=:]\s*[\"']?)[^&\s\"'<>,)]+|\b\d{15,}\b")


def masked(text: str) -> str:
    return _SECRETS.sub(lambda match: f"{match[1] or ''}***", text)


class TextFormatter(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s%(request)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        request = _request_id()
        record.request = f" [{request}]" if request else ""
        return masked(super().format(record))


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "request": _request_id(),
            "run": getattr(record, "run", None),
            "connection": getattr(record, "connection", None),
            "error": self.formatException(record.exc_info) if record.exc_info else None,
        }
        return masked(json.dumps({key: value for key, value in line.items() if value is not None}, ensure_ascii=False))


def configure(as_json: bool) -> None:
    """All logging of this process goes to stderr in one shape."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if as_json else TextFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for chatty in ("alembic", "urllib3", "waitress", "rq.worker", "rq.scheduler"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a request that waits for a thread is no event


def init_app(app: Flask) -> None:
    """Each request gets an id, told to the visitor too, so that a complaint finds its lines."""

    @app.before_request
    def name_request() -> None:
        g.request_id = uuid.uuid4().hex[:12]

    @app.after_request
    def tell_name(response: Response) -> Response:
        if "request_id" in g:
            response.headers["X-Request-ID"] = g.request_id
        return response


def _request_id() -> str | None:
    return g.get("request_id") if has_request_context() else None
