"""Every refusal as a page (or, for htmx, a fragment) in plain words: what happened and what to do next."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask, Response, current_app, g, request
from flask_login import AnonymousUserMixin
from flask_wtf import FlaskForm
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError, OperationalError, SQLAlchemyError
from werkzeug.exceptions import HTTPException

from stonks.core.errors import InvalidInput, NotFound, SecretUnreadable, StonksError
from stonks.db import db
from stonks.web import htmx
from stonks.web.security import limiter
from stonks.web.stale_forms import StaleForm, from_own_page, stale_form, way_back

log = logging.getLogger(__name__)

# status: (what happened, what to do)
WORDS = {
    400: ("That request could not be understood", "Nothing was changed. Go back, reload the page and try again."),
    403: ("That is not allowed", "Nothing was changed. Go back and use the page’s own buttons."),
    404: ("There is no such page", "It may have been deleted, or the address has a slip in it."),
    405: ("That address does not work this way", "Nothing was changed. Go back and use the page’s own buttons."),
    413: ("That file is too large", "Nothing was imported."),
    422: ("That could not be done", "Nothing was changed. Go back, reload the page and try again."),
    429: ("Too many attempts", "Nothing was changed. Wait a minute, then try again."),
    500: (
        "Something went wrong here",
        "It is our mistake, not yours, and it has been logged. Your transactions are untouched. Try again in a moment.",
    ),
    503: ("The database does not answer", "Nothing was changed. Try again in a moment. The log tells more."),
}
GONE = ("It is no longer there", "Nothing was changed. It may have been deleted meanwhile, perhaps in another tab.")


_DATABASE = (  # words of SQLite's or PostgreSQL's message, what happened, what to do
    (
        ("locked", "lock timeout"),
        "The database is busy",
        "Something large is being written. Nothing was changed. Try again in a moment.",
    ),
    (
        ("is full", "no space left"),
        "The disk is full",
        "Nothing was changed. Make room on the disk that holds the database, then try again.",
    ),
)


@contextmanager
def beside(form: FlaskForm) -> Iterator[None]:
    """Puts the sentences of an InvalidInput raised inside beside the fields they name; `form.errors` tells."""
    try:
        yield
    except InvalidInput as refusal:
        for name, sentence in refusal.fields.items():
            if name in form:
                form[name].errors = [*form[name].errors, sentence]
            else:
                form.form_errors.append(sentence)


def init_app(app: Flask) -> None:
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(CSRFError, _stale_form)
    app.register_error_handler(NotFound, _not_found)
    app.register_error_handler(StonksError, _refused)
    app.register_error_handler(DataError, _no_such_value)
    app.register_error_handler(OperationalError, _database_failed)


def _http(error: HTTPException) -> Response:
    """Also what nobody expected: Flask logs it and hands it here as a 500."""
    status = error.code or 500
    if error.response is not None or status < 400:
        return error.get_response()  # type: ignore[return-value]  # a redirect, or an answer someone else made
    title, remedy = WORDS.get(status, WORDS[500 if status >= 500 else 400])
    if status == 413:
        limit = current_app.extensions["stonks"].settings.max_upload_bytes // (1024 * 1024)
        remedy = f"{remedy} Uploads may have up to {limit} MB; a shorter period makes a smaller file."
    wait = _seconds_to_wait() if status == 429 else None
    if wait is not None and wait > 90:
        remedy = f"Nothing was changed. Wait {-(-wait // 60)} minutes, then try again."
    response = _answer(status, title, remedy)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    if wait is not None:
        response.headers["Retry-After"] = str(wait)
    return response


def _seconds_to_wait() -> int | None:
    """Until the limit that was reached lets the next one pass."""
    limit = limiter.current_limit
    return None if limit is None else max(1, int(limit.reset_at - time.time()) + 1)


def _stale_form(error: CSRFError) -> Response:
    stale = stale_form()
    return _answer(400, stale.title, stale.remedy, stale)


def _not_found(error: NotFound) -> Response:
    return _answer(404, *(GONE if request.method == "POST" else WORDS[404]))


def _refused(error: StonksError) -> Response:
    if isinstance(error, SecretUnreadable):
        return _answer(
            422, "The saved token can’t be opened", "Its key was lost or changed. Paste the token again in Settings."
        )
    return _answer(422, WORDS[422][0], str(error) or WORDS[422][1])


def _no_such_value(error: DataError) -> Response:
    """An address or a form made by no page of ours: a number or a character that a database has no place for."""
    db.session.rollback()
    log.info("asked with a value that the database has no place for: %s", type(error.orig).__name__)
    return _answer(400, *WORDS[400])


def _database_failed(error: OperationalError) -> Response:
    """A write that was given up has been rolled back whole (db.transaction), so nothing was changed."""
    said = str(error.orig)
    log.error("the database failed: %s", said)  # without the statement, whose values are nobody's business
    if "_login_user" not in g:  # who asks cannot be looked up now, not even for the page's head
        g._login_user = AnonymousUserMixin()
    known = ((title, remedy) for words, title, remedy in _DATABASE if any(word in said.lower() for word in words))
    title, remedy = next(known, WORDS[503])
    try:
        response = _answer(503, title, remedy)
    except SQLAlchemyError:  # it went away after saying who asks, and can't say what the page's head tells of them
        g._login_user = AnonymousUserMixin()
        response = _answer(503, title, remedy)
    response.headers["Retry-After"] = "10"
    return response


def _answer(status: int, title: str, remedy: str, stale: StaleForm | None = None) -> Response:
    """Within a page that is open, a refusal has a place of its own: what is there stays as it is, with what was typed."""
    back = way_back() if request.method == "POST" and status != 404 and from_own_page() else None
    values = {"title": title, "remedy": remedy, "status": status, "stale": stale, "back": back}
    response = htmx.render("errors/page.html", "errors/_trouble.html", status, **values)
    if htmx.wants_fragment():
        polls = request.method == "GET" and "seen" in request.args
        if polls and status >= 500:
            response.headers["HX-Reswap"] = "none"  # the next one may fare better
        elif not polls:
            response.headers["HX-Retarget"] = "#trouble"
            response.headers["HX-Reswap"] = "innerHTML"
    return response
