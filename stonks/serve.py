"""The web process, waitress: `python -m stonks.serve FD` on the socket that the supervisor opened, else on its own."""

from __future__ import annotations

import logging
import signal
import socket
import sys
from types import FrameType
from typing import Any

import waitress
from flask import Flask
from waitress.channel import HTTPChannel
from waitress.task import ErrorTask
from waitress.utilities import RequestEntityTooLarge as RefusedBody
from werkzeug.exceptions import RequestEntityTooLarge

from stonks import logs, process
from stonks.config import Settings, settings_or_exit
from stonks.factory import create_app

log = logging.getLogger("stonks.serve")


def main(descriptor: int | None) -> None:
    settings = settings_or_exit()
    logs.configure(settings.json_logs)
    if settings.weak_secret:
        log.warning("STONKS_SECRET_KEY can be guessed, and who does signs in as anyone: give it a long random text")
    if descriptor is not None:
        process.follow_parent()
    signal.signal(signal.SIGTERM, _leave)
    address = f"[{settings.host}]" if ":" in settings.host else settings.host
    app = create_app(settings)
    process.settle()
    HTTPChannel.error_task_class = refusing(app)
    waitress.serve(
        app,
        **({"listen": f"{address}:{settings.port}"} if descriptor is None else {"sockets": [_inherited(descriptor)]}),
        threads=8,
        ident=None,
        **_proxy(settings),
        max_request_body_size=settings.max_upload_bytes + 2 * 1024 * 1024,
    )


def refusing(app: Flask) -> type[Any]:
    """How waitress refuses what never reaches the app: a body larger than any upload may be, on a page of the app."""

    class Refusal(ErrorTask):  # type: ignore[misc]
        def execute(self) -> None:
            if not isinstance(self.request.error, RefusedBody):
                super().execute()
                return
            headers = {name.replace("_", "-"): value for name, value in self.request.headers.items()}
            headers.pop("CONTENT-LENGTH", None)
            with app.test_request_context(self.request.path, headers=headers):
                answer = app.process_response(app.make_response(app.handle_http_exception(RequestEntityTooLarge())))
                body = answer.get_data()
            self.status = answer.status
            self.response_headers.extend(answer.headers.items())
            self.set_close_on_finish()
            self.content_length = len(body)
            self.write(body)

    return Refusal


def _inherited(descriptor: int) -> socket.socket:
    return socket.socket(fileno=descriptor)


def _proxy(settings: Settings) -> dict[str, Any]:
    """One on this machine is believed by the app itself (web/security.py); one elsewhere has to be named."""
    if settings.trusted_proxy is None:
        return {}
    return {
        "trusted_proxy": settings.trusted_proxy,
        "trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"},
        "clear_untrusted_proxy_headers": True,
    }


def _leave(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else None)
