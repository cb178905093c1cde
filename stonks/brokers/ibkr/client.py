"""IBKR's Flex Web Service over HTTP: ask for a statement, then fetch it. One call each, bounded in time and size.

Source: IBKR Campus "Flex Web Service" and ibkrguides.com "flex3.htm". The token stands in every address, so no
exception, log line or `repr` that leaves this module holds an address.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from http.cookiejar import DefaultCookiePolicy
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, cast

import requests
import urllib3

from stonks.brokers.contract import Pending, Ready, Ticket, Window
from stonks.brokers.errors import BrokerError, FailureKind
from stonks.brokers.ibkr.envelope import PREFIX_BYTES, Envelope, Shape, read_envelope, shape_of
from stonks.brokers.ibkr.errors import (
    MEANINGS,
    QUERIES,
    RATE_WAIT,
    TRY_LATER,
    Step,
    quotable,
    refusal,
    still_pending,
)  # fmt: skip
from stonks.brokers.ibkr.hosts import Hosts
from stonks.brokers.ibkr.redaction import hide_tokens_in_logs
from stonks.deadline import set_deadline, timed

log = logging.getLogger(__name__)

_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 3
_LONGEST_PAUSE_SECONDS = 30
_LONGEST_ASKED_WAIT, _MOST_DIGITS = timedelta(minutes=30), 9
_PIECE = 64 * 1024
_KEPT_IN_MEMORY = 1024 * 1024
_RECEIPT_BYTES = 1024 * 1024
_REFERENCE = re.compile(r"[\w-]{1,64}", re.ASCII)
_EITHER = (Step.REQUEST, Step.COLLECT)
_NO_PROXIES: dict[str, str | None] = {"http": None, "https": None, "all": None}


@dataclass(frozen=True, slots=True)
class Limits:
    connect_seconds: float = 10
    read_seconds: float = 60  # between two pieces of an answer
    total_seconds: float = 240  # for a whole step, redirects included
    body_bytes: int = 64 * 1024 * 1024  # of one answer, unpacked


@dataclass(frozen=True, slots=True)
class _Answer:
    body: BinaryIO
    size: int
    prefix: bytes

    def close(self) -> None:
        self.body.close()


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why there is no answer. `elsewhere`: the steps that IBKR's other host may be asked instead: where that can help and
    cannot have IBKR make a second statement."""

    kind: FailureKind
    code: str
    message: str
    elsewhere: tuple[Step, ...] = ()
    remedy: str = TRY_LATER
    retry_after: timedelta | None = None

    def error(self, other_place: str | None = None) -> BrokerError:
        return BrokerError(
            self.kind,
            self.code,
            self.message,
            remedy=self.remedy,
            retry_after=self.retry_after,
            other_place=other_place,
        )


_TIMEOUT = _Failure(FailureKind.NOT_NOW, "timeout", "IBKR's service did not answer in time.")
_UNINTELLIGIBLE = _Failure(
    FailureKind.UNREADABLE,
    "unknown-answer",
    "IBKR answered with something that is neither a statement nor a reason.",
    elsewhere=_EITHER,
)


class _Adapter(requests.adapters.HTTPAdapter):
    def get_connection_with_tls_context(self, *arguments: Any, **named: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*arguments, **named)
        pool.ConnectionCls = timed(pool.ConnectionCls)
        return pool


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """None, always: even told not to follow, requests would parse the target and read the whole body."""


@dataclass(frozen=True, slots=True)
class _Kept:
    process: int
    session: _Session
    used_at: float


class FlexClient:
    """Speaks version 3 of the service at `hosts`. Safe to share between threads and across a fork."""

    def __init__(self, hosts: Hosts, *, user_agent: str, poll_wait: timedelta, limits: Limits | None = None) -> None:
        self._hosts = hosts
        self._user_agent = user_agent
        self._poll_wait = poll_wait
        self._limits = limits or Limits()
        self._sessions = threading.local()
        hide_tokens_in_logs()

    def send_request(self, token: str, query_id: str, window: Window, place: str | None = None) -> Ticket:
        """Ask IBKR to make a statement, at the host of that origin. Raises BrokerError."""
        parameters = {"t": token, "q": query_id, "v": "3", **_period(window)}
        answer = self._ask(Step.REQUEST, self._hosts.at(place, f"{self._hosts.base_url}/SendRequest"), parameters)
        try:
            envelope = read_envelope(answer.prefix)
        finally:
            answer.close()
        if envelope is None:
            raise _UNINTELLIGIBLE.error()
        _note_unknown(Step.REQUEST, envelope, token)
        if envelope.code or envelope.status != "success":
            raise refusal(
                Step.REQUEST,
                envelope.code,
                envelope.message,
                token=token,
                with_period="p" in parameters,
                with_dates="fd" in parameters,
            )
        if not _REFERENCE.fullmatch(envelope.reference):
            raise _UNINTELLIGIBLE.error()
        return Ticket(envelope.reference, self._hosts.statement_url(envelope.url))

    def get_statement(self, token: str, ticket: Ticket, place: str | None = None) -> Ready | Pending:
        """Fetch the statement of `ticket`, or learn that it is still being made, at the host of that origin, else at the
        one the ticket names. Raises BrokerError."""
        default = f"{self._hosts.base_url}/GetStatement"
        url = (self._hosts.statement_url(ticket.url) if ticket.url else None) or default
        answer = self._ask(Step.COLLECT, self._hosts.at(place, url), {"t": token, "q": ticket.reference, "v": "3"})
        if shape_of(answer.prefix) is Shape.STATEMENT:
            return Ready(answer.body, answer.size)
        answer.close()
        envelope = read_envelope(answer.prefix)
        if envelope is None or (envelope.status == "success" and not envelope.code):
            raise _UNINTELLIGIBLE.error()
        _note_unknown(Step.COLLECT, envelope, token)
        pending = still_pending(envelope.code, envelope.message, self._poll_wait)
        if pending is None:
            raise refusal(Step.COLLECT, envelope.code, envelope.message, token=token)
        return pending

    def _ask(self, step: Step, url: str, parameters: dict[str, str]) -> _Answer:
        found = self._call(step, url, parameters, time.monotonic() + self._limits.total_seconds)
        if isinstance(found, _Failure):
            raise found.error(self._hosts.other(url) if step in found.elsewhere else None)
        return found

    def _call(self, step: Step, url: str, parameters: dict[str, str], deadline: float) -> _Answer | _Failure:
        """One call, redirects within the allowed hosts included. Failures are values here, not exceptions: an
        exception raised while another is handled carries that one along, and with it the address."""
        try:
            response = self._get(url, parameters, deadline)
            for _ in range(_MOST_REDIRECTS):
                if response.status_code not in _REDIRECTS:
                    break
                target = self._hosts.redirect_target(response.url, response.headers.get("Location", ""))
                response.close()
                if target is None:
                    return _Failure(
                        FailureKind.UNREADABLE,
                        "redirect",
                        "IBKR's address sent the request on to a place that is not IBKR's, which was not followed.",
                        elsewhere=_EITHER,
                    )
                response = self._get(target, {}, deadline)
            with response:
                return self._understood(step, response, deadline)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            return _transport_failure(error)

    def _get(self, url: str, parameters: dict[str, str], deadline: float) -> requests.Response:
        left = deadline - time.monotonic()
        if left <= 0:
            raise requests.exceptions.ReadTimeout
        set_deadline(deadline)
        return self._session().get(
            url,
            params=parameters,
            headers={"User-Agent": self._user_agent, "Accept": "*/*", "Accept-Encoding": "gzip"},
            timeout=(min(self._limits.connect_seconds, left), min(self._limits.read_seconds, left)),
            allow_redirects=False,
            stream=True,
            proxies=cast(dict[str, str], {**_NO_PROXIES}) if self._hosts.on_this_machine else None,
        )

    def _session(self) -> requests.Session:
        """This thread's. Made anew after a fork, since two processes on one connection would read each other's answers,
        and after a pause, since a connection that died in silence is noticed only when an answer does not come."""
        kept: _Kept | None = getattr(self._sessions, "kept", None)
        now = time.monotonic()
        if kept is None or kept.process != os.getpid() or now - kept.used_at > _LONGEST_PAUSE_SECONDS:
            session = _Session()
            for scheme in ("https://", "http://"):
                session.mount(scheme, _Adapter())
            # One person's cookies are not another's, and a .netrc is nobody's business here.
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            session.auth = _no_auth
        else:
            session = kept.session
        self._sessions.kept = _Kept(os.getpid(), session, now)
        return session

    def _understood(self, step: Step, response: requests.Response, deadline: float) -> _Answer | _Failure:
        """The answer with its body at hand, or why it is none."""
        status = response.status_code
        if status >= 500 or status in (408, 425):
            message = f"IBKR's service has trouble (HTTP {status})."
            return _Failure(FailureKind.NOT_NOW, f"http-{status}", message, retry_after=_asked_to_wait(response))
        if status == 429:
            message = "IBKR's service has had too many requests (HTTP 429)."
            wait = max(RATE_WAIT, _asked_to_wait(response) or RATE_WAIT)
            return _Failure(FailureKind.RATE_LIMITED, "http-429", message, retry_after=wait)
        answer = self._body(step, response, deadline)
        if isinstance(answer, _Failure):
            return answer
        shape = shape_of(answer.prefix)
        whole = answer.size <= PREFIX_BYTES
        if shape is Shape.ENVELOPE and whole and (envelope := read_envelope(answer.prefix)) is not None:
            if envelope.code or envelope.status:
                return answer
        elif shape is Shape.STATEMENT and step is Step.COLLECT and status == 200:
            return answer
        answer.close()
        if shape is Shape.PAGE:
            message = "IBKR answered with a web page instead of a statement, as it does during maintenance."
            return _Failure(FailureKind.UNREADABLE, "html", message, elsewhere=_EITHER)
        if status != 200:
            message = f"IBKR's service refused the request (HTTP {status})."
            return _Failure(FailureKind.UNREADABLE, f"http-{status}", message, elsewhere=_EITHER)
        return _UNINTELLIGIBLE

    def _body(self, step: Step, response: requests.Response, deadline: float) -> _Answer | _Failure:
        """Streams the body to a temporary file, unpacking as it goes and never more than is allowed."""
        limit = self._limits.body_bytes if step is Step.COLLECT else min(_RECEIPT_BYTES, self._limits.body_bytes)
        body = cast(BinaryIO, SpooledTemporaryFile(max_size=_KEPT_IN_MEMORY))  # noqa: SIM115  (its receiver closes it)
        prefix, size = b"", 0
        try:
            # read1 returns with what is there, so that a trickling answer meets the deadline.
            while piece := response.raw.read1(_PIECE, decode_content=True):
                size += len(piece)
                if size > limit:
                    body.close()
                    return _too_large(limit)
                if time.monotonic() > deadline:
                    body.close()
                    return _TIMEOUT
                if len(prefix) < PREFIX_BYTES:
                    prefix = (prefix + piece)[:PREFIX_BYTES]
                body.write(piece)
        except BaseException:
            body.close()
            raise
        body.seek(0)
        return _Answer(body, size, prefix)


def _note_unknown(step: Step, envelope: Envelope, token: str) -> None:
    """Also when its words mean nothing worse than waiting: a code that nobody has described is worth a look."""
    if envelope.code and envelope.code not in MEANINGS:
        words = quotable(envelope.message, token)
        log.warning("IBKR answered %s with code %s, which is not known: %s", step, envelope.code[:20], words)


def _period(window: Window) -> dict[str, str]:
    if window.first and window.last:
        return {"fd": window.first.strftime("%Y%m%d"), "td": window.last.strftime("%Y%m%d")}
    return {"p": str(window.days_back)} if window.days_back else {}


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _asked_to_wait(response: requests.Response) -> timedelta | None:
    """By Retry-After in seconds, which nobody between here and IBKR may stretch without end."""
    told = response.headers.get("Retry-After", "").strip()
    if not (told.isascii() and told.isdigit()):
        return None
    return min(timedelta(seconds=int(told[:_MOST_DIGITS])), _LONGEST_ASKED_WAIT)


def _transport_failure(error: Exception) -> _Failure:
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return replace(_TIMEOUT, elsewhere=_EITHER)
    if isinstance(error, requests.exceptions.ReadTimeout | urllib3.exceptions.ReadTimeoutError | TimeoutError):
        return _TIMEOUT
    if isinstance(error, requests.exceptions.ContentDecodingError | urllib3.exceptions.DecodeError):
        return _UNINTELLIGIBLE
    never_connected = isinstance(error, requests.exceptions.SSLError | requests.exceptions.ProxyError) or isinstance(
        getattr(error.args[0] if error.args else None, "reason", None), urllib3.exceptions.NewConnectionError
    )
    if never_connected:
        return _Failure(
            FailureKind.NOT_NOW,
            "unreachable",
            "IBKR's service could not be reached from this machine.",
            elsewhere=_EITHER,
            remedy=f"{TRY_LATER} If it lasts, look at this machine’s connection to the internet.",
        )
    message = "The connection to IBKR broke before the answer was complete."
    # IBKR may have begun a statement: a second request for it could count as one too many.
    return _Failure(FailureKind.NOT_NOW, "incomplete", message, elsewhere=(Step.COLLECT,))


def _too_large(limit: int) -> _Failure:
    return _Failure(
        FailureKind.UNREADABLE,
        "too-large",
        f"IBKR's answer is larger than {_megabytes(limit)} and was not read.",
        remedy=f"In Client Portal open {QUERIES} and take sections and fields out of the query that the guide does "
        "not name.",
    )


def _megabytes(size: int) -> str:
    return f"{size // (1024 * 1024)} MB" if size >= 1024 * 1024 else f"{size // 1024} kB"
