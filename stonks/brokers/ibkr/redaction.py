"""Keeps tokens and what they name out of urllib3's log lines, which quote the addresses it calls."""

from __future__ import annotations

import logging
import re

# A filter sees only what is logged on its own logger, so each of urllib3's that quotes addresses is named.
_LOGGERS = ("urllib3.connectionpool", "urllib3.connection", "urllib3.util.retry", "urllib3.poolmanager")
_TOKEN = re.compile(r"([?&][tq]=)[^&\s'\"]+")


class _TokenFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = _TOKEN.sub(r"\1…", record.getMessage())
        record.args = ()
        return True


_FILTER = _TokenFilter()


def hide_tokens_in_logs() -> None:
    """May be called any number of times."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_FILTER)
