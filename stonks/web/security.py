"""What every answer carries and every request must pass: headers, cookies, CSRF, rate limits, safe redirects."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import timedelta
from functools import cache, lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, request, session
from flask.sessions import SecureCookieSessionInterface
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import current_user
from flask_wtf import CSRFProtect
from flask_wtf.csrf import generate_csrf
from werkzeug.middleware.proxy_fix import ProxyFix

from stonks.config import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

csrf = CSRFProtect()
limiter = Limiter(key_func=get_remote_address, in_memory_fallback_enabled=True, swallow_errors=True)


def per_user() -> str:
    """The key of a limit that belongs to a signed-in person rather than to an address."""
    return f"user:{current_user.id}" if current_user.is_authenticated else get_remote_address()


def safe_next(address: str | None, otherwise: str) -> str:
    """`address` when it is a path on this site, else `otherwise`: no open redirect."""
    if not address or not address.startswith("/") or address.startswith("//") or "\\" in address:
        return otherwise
    if any(ord(character) < 32 for character in address):
        return otherwise  # browsers drop tabs and newlines: "/\t/evil" becomes "//evil"
    parts = urlsplit(address)
    return otherwise if parts.scheme or parts.netloc else address


class TrustedProxy:
    """Believes X-Forwarded-* only from a proxy on this machine; anyone else could claim any address."""

    def __init__(self, app: WSGIApplication) -> None:
        self._direct = app
        self._behind = ProxyFix(app, x_for=1, x_proto=1, x_host=1)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        app = self._behind if _is_loopback(environ.get("REMOTE_ADDR", "")) else self._direct
        return app(environ, start_response)


class SessionCookie(SecureCookieSessionInterface):
    """Secure whenever the request came over TLS, so that plain http on the own machine still works."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


def init_app(app: Flask, settings: Settings) -> None:
    app.config.update(
        SESSION_COOKIE_NAME="stonks",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=timedelta(days=30),
        SESSION_REFRESH_EACH_REQUEST=False,
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session: a form left open over lunch still saves
        SEND_FILE_MAX_AGE_DEFAULT=timedelta(days=365),
    )
    app.config.setdefault("RATELIMIT_STORAGE_URI", _limits_storage(settings.effective_redis_url))
    app.session_interface = SessionCookie()
    app.wsgi_app = TrustedProxy(app.wsgi_app)  # type: ignore[method-assign]
    csrf.init_app(app)
    limiter.init_app(app)
    app.after_request(_add_headers)
    app.jinja_env.globals["asset"] = asset
    app.jinja_env.globals["csrf_token"] = csrf_token
    app.context_processor(lambda: {"csrf_token": csrf_token})


def csrf_token() -> str:
    """The session's, signed once: it holds as long as the session, so that pages may be remembered with it."""
    raw = session.get("csrf_token")
    return _signed(current_app.secret_key, raw) if raw else generate_csrf()


@lru_cache(maxsize=1024)
def _signed(secret_key: str | bytes, raw: str) -> str:
    """`raw` is that of the request's session, which is where it is taken from."""
    return generate_csrf(secret_key)


def asset(name: str) -> str:
    """The address of a static file, which changes with its content, so that it may be cached for ever."""
    return _asset(current_app.static_folder or "", request.script_root, name)


@cache
def _asset(folder: str, script_root: str, name: str) -> str:
    digest = hashlib.sha256((Path(folder) / name).read_bytes()).hexdigest()[:12]
    return f"{script_root}/static/{name}?v={digest}"


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if request.endpoint != "static":
        # Pages show money: nothing of them stays in a shared browser's cache after signing out.
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def _limits_storage(redis_url: str) -> str:
    return f"redis+{redis_url}" if redis_url.startswith("unix:") else redis_url


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
