"""Figures as they read in a table or a sentence: tabular, unbroken, the currency code small after them. A rounded one
gives all its digits on hover and focus. None renders nothing.

Functions and not template macros: a page holds hundreds of them, and as macros they took most of its time. What was
rendered is remembered: a price, a day's commission and round quantities come again and again.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache

from flask import Flask
from markupsafe import Markup, escape

from stonks.web import filters

_NOTHING = Markup("")


def init_app(app: Flask) -> None:
    """For templates, by way of macros/numbers.html."""
    for function in (money, signed, quantity, price, exact, percent):
        app.jinja_env.globals[f"figure_{function.__name__}"] = function


def money(value: Decimal | None, currency: str | None = None, tone: bool = False, show_currency: bool = True) -> Markup:
    """Rounded to the currency's places, also where its code stands in a heading: without `show_currency`."""
    return (
        _NOTHING
        if value is None
        else _figure(filters.money, value, currency, currency if show_currency else None, tone)
    )


def signed(
    value: Decimal | None, currency: str | None = None, tone: bool = False, show_currency: bool = True
) -> Markup:
    """Always with its sign. `tone` colours gain and loss; cash flows stay uncoloured."""
    return (
        _NOTHING
        if value is None
        else _figure(filters.signed, value, currency, currency if show_currency else None, tone)
    )


def quantity(value: Decimal | None, align: int = 0) -> Markup:
    """`align`: the most decimal places in the column, so that points stand under each other."""
    return _NOTHING if value is None else _figure(filters.plain, value, None, None, False, align)


def price(value: Decimal | None, currency: str | None = None, show_currency: bool = False, align: int = 0) -> Markup:
    if value is None:
        return _NOTHING
    return _figure(filters.price, value, currency, currency if show_currency else None, False, align)


def exact(value: Decimal | None, currency: str | None = None) -> Markup:
    """All the digits there are."""
    return _NOTHING if value is None else _figure(filters.plain, value, None, currency, False)


def percent(value: Decimal | None, tone: bool = False, sign: bool = False) -> Markup:
    if value is None:
        return _NOTHING
    text = filters.signed_percent(value) if sign else filters.percent(value)
    return Markup(f'<span class="num{_tone(value, tone)}">{text}</span>')  # noqa: S704  (digits)


@lru_cache(maxsize=16_384)
def _figure(
    words: Callable[..., str], value: Decimal, rounded_for: str | None, unit: str | None, tone: bool, align: int = 0
) -> Markup:
    text = words(value) if words is filters.plain else words(value, rounded_for)
    more = ""
    if words is not filters.plain and filters.loses_digits(value, text):
        more = f' class="more-digits" tabindex="0" title="{filters.plain(value)}"'
    places = filters.places(text) if align else 0
    short = f" short-{min(align - places, 8)}{'' if places else ' no-point'}" if align > places else ""
    after = f' <span class="unit">{escape(unit)}</span>' if unit else ""
    shown = f"<span{more}>{text}</span>{after}" if more else text + after
    whole = f'<span class="num{_tone(value, tone)}{short}">{shown}</span>'
    return Markup(whole)  # noqa: S704  (digits, and a unit that was escaped)


def _tone(value: Decimal, wanted: bool) -> str:
    return (" gain" if value > 0 else " loss" if value < 0 else "") if wanted else ""
