"""Tiingo over HTTP: one call, bounded in time and size. The key goes in a header, so that no address holds it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date, timedelta
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import quote, urlsplit

import requests
import urllib3

from stonks.deadline import set_deadline, timed
from stonks.prices.contract import PriceTrouble, Trouble

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_LONGEST_WAIT_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class Limits:
    connect_seconds: float = 5
    read_seconds: float = 10  # between two pieces of an answer
    total_seconds: float = 10  # a sync may wait for this worker
    body_bytes: int = 1024 * 1024


class _Adapter(requests.adapters.HTTPAdapter):
    def get_connection_with_tls_context(self, *arguments: Any, **named: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*arguments, **named)
        pool.ConnectionCls = timed(pool.ConnectionCls)
        return pool


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """None, always: nothing is followed, since the key is for one host, and nothing of such an answer is read."""


class TiingoClient:
    def __init__(self, base_url: str, key: str, *, user_agent: str, limits: Limits) -> None:
        self._base_url = base_url.rstrip("/")
        self._headers = {"Authorization": f"Token {key}", "User-Agent": user_agent, "Accept": "application/json"}
        self._limits = limits

    def prices(self, ticker: str, since: date) -> bytes:
        """The answer's body. Raises PriceTrouble."""
        address = f"{self._base_url}/tiingo/daily/{quote(ticker, safe='')}/prices"
        trouble = PriceTrouble(Trouble.WAIT, "Tiingo could not be reached, or did not answer in time.")
        try:
            return self._get(address, {"startDate": since.isoformat()})
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError):
            pass  # said below: raised here, it would carry the call along
        raise trouble

    def _get(self, address: str, parameters: dict[str, str]) -> bytes:
        deadline = time.monotonic() + self._limits.total_seconds
        set_deadline(deadline)
        with _Session() as session:
            for scheme in ("https://", "http://"):
                session.mount(scheme, _Adapter())
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            session.trust_env = urlsplit(address).hostname not in _LOOPBACK
            with session.get(
                address,
                params=parameters,
                headers=self._headers,
                auth=_as_it_is,
                timeout=(self._limits.connect_seconds, self._limits.read_seconds),
                stream=True,
            ) as response:
                _check(response)
                return self._body(response, deadline)

    def _body(self, response: requests.Response, deadline: float) -> bytes:
        body = bytearray()
        while piece := response.raw.read1(64 * 1024, decode_content=True):
            body += piece
            if len(body) > self._limits.body_bytes:
                raise PriceTrouble(Trouble.WAIT, "Tiingo’s answer is too large and was not read.")
            if time.monotonic() > deadline:
                raise requests.exceptions.ReadTimeout
        return bytes(body)


def _check(response: requests.Response) -> None:
    """Raises PriceTrouble for everything but an answer."""
    status = response.status_code
    if status == 200:
        return
    if status in (401, 403):
        raise PriceTrouble(
            Trouble.REFUSED, "Tiingo refused the key. Check STONKS_PRICE_KEY; it is tried again tomorrow."
        )
    if status == 404:
        raise PriceTrouble(Trouble.NO_SUCH_TICKER, "Tiingo does not know it.")
    if status == 429:
        asked_for = response.headers.get("Retry-After", "")
        seconds = int(asked_for) if asked_for.isascii() and asked_for.isdigit() and len(asked_for) < 7 else 3600
        wait = timedelta(seconds=min(seconds, _LONGEST_WAIT_SECONDS))
        raise PriceTrouble(Trouble.WAIT, "Tiingo has had enough calls for now.", retry_after=wait)
    raise PriceTrouble(Trouble.WAIT, f"Tiingo has trouble (HTTP {status}).")


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """The header made above stays: a .netrc is nobody's business here."""
    return request
