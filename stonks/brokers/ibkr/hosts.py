"""Which addresses may see a token. Every request carries it, so nothing is followed on the word of an answer alone."""

from __future__ import annotations

from urllib.parse import SplitResult, urljoin, urlsplit

IBKR_ORIGINS = ("https://ndcdyn.interactivebrokers.com", "https://gdcdyn.interactivebrokers.com")
# The retired endpoint on the second host: since May 2026 it answers 1001 to everything, but some receipts name it.
_RETIRED_PATH = "/Universal/servlet/"
_CURRENT_PATH = "/AccountManagement/FlexWebService/GetStatement"
_DEFAULT_PORTS = {"https": 443, "http": 80}


class Hosts:
    """The configured service and, when it is one of `pair`, the other one as its equal."""

    def __init__(self, base_url: str, pair: tuple[str, ...] = IBKR_ORIGINS) -> None:
        self.base_url = base_url.rstrip("/")
        own = origin(self.base_url)
        # Next to a configured service of another name, IBKR's hosts get nothing: its tokens are not IBKR's.
        self._allowed = pair if own in pair else (own,)

    @property
    def on_this_machine(self) -> bool:
        return urlsplit(self.base_url).hostname in ("127.0.0.1", "localhost", "::1")

    def allows(self, url: str) -> bool:
        return origin(url) in self._allowed

    def other(self, url: str) -> str | None:
        """The origin that stands for that of `url`; None when there is none."""
        here = origin(url)
        others = [there for there in self._allowed if there != here]
        return others[0] if here in self._allowed and others else None

    def at(self, place: str | None, url: str) -> str:
        """The address on the host of that origin; as it is when that is none of the service's."""
        return origin(place) + _path_and_query(url) if place and self.allows(place) else url

    def redirect_target(self, here: str, told: str) -> str | None:
        """The address that `told`, found at `here`, leads to; None when it may not be followed."""
        try:
            target = urljoin(here, told)
        except ValueError:
            return None
        return origin(target) + _path_and_query(target) if self.allows(target) else None

    def statement_url(self, told: str) -> str | None:
        """The address that a receipt names, when it may be used; query and fragment are left out."""
        if not self.allows(told):
            return None
        path = urlsplit(told).path
        return origin(told) + (_CURRENT_PATH if path.startswith(_RETIRED_PATH) else path)


def origin(url: str) -> str:
    """scheme://host[:port] in one spelling, "" for anything odd (no host, a user name, a strange port)."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or _has_user(parts) or "\\" in url:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port and port != _DEFAULT_PORTS[parts.scheme] else "")


def _path_and_query(url: str) -> str:
    parts = urlsplit(url.strip())
    return parts.path + (f"?{parts.query}" if parts.query else "")


def _has_user(parts: SplitResult) -> bool:
    return "@" in parts.netloc
