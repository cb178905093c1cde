"""A form sent with the token of another session: its person signed out meanwhile, or in again. Nothing of it is done, and
nothing that was typed is to be lost."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from flask import request, url_for
from flask_login import current_user

from stonks.web import htmx
from stonks.web.security import safe_next

# What is worth keeping, and what its form calls it. No password and no token is among them.
_LABELS = {
    "type": "Type", "entry_date": "Date", "symbol": "Symbol", "isin": "ISIN", "quantity": "Quantity", "price": "Price",
    "commission": "Commission", "amount": "Amount", "currency": "Currency", "description": "Note", "note": "Note",
    "name": "Name", "base_currency": "Base currency", "query_id": "Flex Query ID", "only_currency": "Only this currency",
    "token_expires_on": "Token expires",
}  # fmt: skip
_ADDING = "transactions.new"  # its page fills itself in from its address


@dataclass(frozen=True, slots=True)
class StaleForm:
    """What the page that refuses it says."""

    title: str
    remedy: str
    typed: tuple[tuple[str, str], ...]  # label and text, to copy from
    link: tuple[str, str]  # words and address: the way back
    sign_in: bool = False
    send_again: bool = False  # the page, which is still there, may have a valid token now


def stale_form() -> StaleForm:
    """Of the request at hand. To a page of another site nothing of what it sent is shown again."""
    own = from_own_page()
    outside = request.blueprint == "auth" and not current_user.is_authenticated
    if not own or outside:
        return StaleForm(
            "This form is no longer valid",
            "Nothing was changed. Open the page again and try once more. If that does not help, let your browser take "
            "cookies from this address.",
            (),
            ("Open the page again", way_back() if own else "/"),
        )
    if htmx.wants_fragment():
        if current_user.is_authenticated:
            remedy = "This page was opened before that. Nothing was changed; press the button once more."
            return StaleForm("You have signed in again", remedy, (), ("", ""), send_again=True)
        remedy = "Nothing was changed, and what you typed is still here. Sign in, come back, press the button again."
        return StaleForm("You are signed out", remedy, (), ("", ""), sign_in=True)
    typed = _typed()
    kept = request.endpoint == _ADDING
    told = () if kept else tuple((_LABELS[name], text) for name, text in typed.items())
    back = f"{request.path}?{urlencode(typed)}" if kept else way_back()
    again = " with what you typed" if kept else ""
    if current_user.is_authenticated:
        remedy = f"This page was opened before that, so nothing was changed. Open the form again{again} and send it."
        return StaleForm("You have signed in again", remedy, told, ("Open the form again", back))
    remedy = f"Nothing was changed. Sign in, and you come back to the form{again}."
    return StaleForm("You are signed out", remedy, told, ("Sign in", url_for("auth.sign_in", next=back)))


def _typed() -> dict[str, str]:
    sent = ((name, request.form.get(name, "").strip()) for name in _LABELS)
    return {name: text[:500] for name, text in sent if text}


def from_own_page() -> bool:
    return urlsplit(request.referrer or "").netloc == request.host


def way_back() -> str:
    """The page that a form was sent from."""
    from_page = urlsplit(request.referrer or "")
    return safe_next(f"{from_page.path}{'?' if from_page.query else ''}{from_page.query}", "/")
