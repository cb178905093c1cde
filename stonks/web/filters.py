"""How numbers, dates and times read on a page. Pure text from values; the spans around them are in templates/macros."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache

from flask import Flask
from markupsafe import Markup

from stonks.core.days import spoken
from stonks.portfolio.lots import ClosedLot
from stonks.portfolio.valuation import UPLOADED, Price
from stonks.services import services

THIN_SPACE = "\u2009"
MINUS = "\u2212"
NO_BREAK = "\u00a0"

_PLACES = tuple(Decimal(1).scaleb(-places) for places in range(9))
_WIDE = Context(prec=100)
_FOUR_DIGITS = Context(prec=4, rounding=ROUND_HALF_UP)
_HUNDREDTH = Decimal("0.01")

# ISO 4217 minor units that are not two.
WITHOUT_CENTS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
WITH_MILLS = "BHD IQD JOD KWD LYD OMR TND"
MINOR_UNITS = dict.fromkeys(WITHOUT_CENTS.split(), 0) | dict.fromkeys(WITH_MILLS.split(), 3)

TYPE_WORDS = {
    "BUY": "Buy",
    "SELL": "Sell",
    "DIVIDEND": "Dividend",
    "PAYMENT_IN_LIEU": "Payment in lieu",
    "WITHHOLDING_TAX": "Withholding tax",
    "INTEREST": "Interest",
    "FEE": "Fee",
    "DEPOSIT": "Deposit",
    "WITHDRAWAL": "Withdrawal",
    "OTHER": "Other",
    "FX": "Conversion",
    "CORPORATE_ACTION": "Corporate action",
    "TRANSFER_IN": "Transfer in",
    "TRANSFER_OUT": "Transfer out",
    "OPENING": "Opening entry",
}
SOURCE_WORDS = {"tiingo": "Tiingo"}
ORIGIN_WORDS = {"sync": "Sync", "upload": "Upload", "manual": "By hand"}
# IBKR's asset classes; ETFs are among its stocks.
ASSET_CLASS_WORDS = {
    "STK": "shares and ETFs",
    "FUND": "funds",
    "BOND": "bonds",
    "BILL": "treasury bills",
    "OPT": "options",
    "FOP": "options on futures",
    "FUT": "futures",
    "CFD": "contracts for difference",
    "FXCFD": "currency contracts for difference",
    "WAR": "warrants",
    "IOPT": "structured products",
    "CMDTY": "metals",
    "CRYPTO": "crypto-assets",
}
# A cancelled trade says the same whether something replaced it or not; its history tells which.
CORRECTION_WORDS = {
    "cancelled": "cancelled",
    "corrected": "cancelled",
    "cancel": "cancellation",
    "replacement": "corrected",
}


def plain(value: Decimal) -> str:
    """All digits there are, no padding zeros: 1 500.55, −0.0001."""
    text = format(value, ",f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return _shown(value, text)


def money(value: Decimal, currency: str | None = None) -> str:
    """Rounded to the currency's places: −2 033.44."""
    rounded = _rounded(value, MINOR_UNITS.get(currency or "", 2))
    return _shown(rounded, format(rounded, ",f"))


def signed(value: Decimal, currency: str | None = None) -> str:
    """Money that always shows its sign: +367.50. Zero has none."""
    text = money(value, currency)
    return text if value <= 0 or not any(digit in "123456789" for digit in text) else "+" + text


def quantity(value: Decimal) -> str:
    return plain(value)


def price(value: Decimal, currency: str | None = None) -> str:
    """At least the currency's places, at most four: 512.84, 0.7406, 0.1235. Of less than a hundredth the first four
    digits, as 0.00001235 is not nothing."""
    least = MINOR_UNITS.get(currency or "", 2)
    small = 0 < abs(value) < _HUNDREDTH
    rounded = _FOUR_DIGITS.plus(value) if small else _rounded(value, 4)
    whole, _, places = format(rounded, ",f").rstrip("0").partition(".")
    if len(places) < least:
        places = places.ljust(least, "0")
    return _shown(rounded, f"{whole}.{places}" if places else whole)


def percent(value: Decimal, places: int = 1) -> str:
    """A share of one as a percentage: 0.145 -> 14.5 %."""
    rounded = _rounded(value * 100, places)
    return f"{_shown(rounded, format(rounded, ',f'))}{NO_BREAK}%"


def signed_percent(value: Decimal, places: int = 1) -> str:
    text = percent(value, places)
    return text if value <= 0 or not any(digit in "123456789" for digit in text) else "+" + text


def count(number: int, one: str, many: str | None = None) -> str:
    """9 transactions, 1 transaction: with an ordinary space, so that searching a page for the words finds them."""
    return f"{plain(Decimal(number))} {one if number == 1 else many or one + 's'}"


@lru_cache(maxsize=4096)
def day_text(value: date) -> str:
    return spoken(value).replace(" ", NO_BREAK)


def moment_text(value: datetime) -> str:
    """An aware time, in UTC and saying so; a broker's wall clock (naive) without a zone."""
    if value.tzinfo is None:
        return f"{day_text(value)}, {value:%H:%M}"
    value = value.astimezone(UTC)
    return f"{day_text(value)}, {value:%H:%M}{NO_BREAK}UTC"


def ago_text(value: datetime, now: datetime) -> str:
    """3 h ago, in 5 min; beyond a week the day itself."""
    past = now - value
    distance = abs(past)
    if distance < timedelta(seconds=45):
        return "just now" if past >= timedelta(0) else "in a moment"
    if distance < timedelta(minutes=60):
        words = f"{max(1, round(distance / timedelta(minutes=1)))}{NO_BREAK}min"
    elif distance < timedelta(hours=48):
        words = f"{round(distance / timedelta(hours=1))}{NO_BREAK}h"
    elif distance < timedelta(days=8):
        words = f"{round(distance / timedelta(days=1))}{NO_BREAK}days"
    else:
        return day_text(value.astimezone(UTC))
    return f"{words} ago" if past >= timedelta(0) else f"in {words}"


@lru_cache(maxsize=4096)
def day(value: date) -> Markup:
    return Markup(f'<time datetime="{value.isoformat()}">{day_text(value)}</time>')  # noqa: S704  (digits and a month)


def moment(value: datetime) -> Markup:
    return Markup(f'<time datetime="{_machine(value)}">{moment_text(value)}</time>')  # noqa: S704  (digits and a month)


def ago(value: datetime, now: datetime | None = None) -> Markup:
    words = ago_text(value, now or services().clock())
    return Markup('<time datetime="{}" title="{}">{}</time>').format(_machine(value), moment_text(value), words)


def clock(value: datetime) -> Markup:
    """The hour only, for times within a day: 06:40 UTC."""
    utc = value.astimezone(UTC)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        _machine(value), moment_text(value), f"{utc:%H:%M}{NO_BREAK}UTC"
    )


def places(text: str) -> int:
    """How many digits a figure, made by one of the above, shows after its point."""
    return len(text.partition(".")[2])


def loses_digits(value: Decimal, text: str) -> bool:
    """Whether `text`, made from `value` by one of the above, shows less than there is."""
    shown = text.replace(MINUS, "-").replace(THIN_SPACE, "").removeprefix("+")
    return Decimal(shown) != value


def type_words(code: str) -> str:
    return TYPE_WORDS.get(code) or code.replace("_", " ").capitalize()


def origin_words(code: str) -> str:
    return ORIGIN_WORDS.get(code, code)


def price_origin_words(price: Price) -> str:
    """Whose price it is, in a word or two."""
    if price.reported:
        return "broker’s price"
    if price.source is None:
        return "last trade"
    return "uploaded" if price.source == UPLOADED else SOURCE_WORDS.get(price.source, price.source)


def asset_class_words(code: str | None) -> str:
    return ASSET_CLASS_WORDS.get(code, code) if code else "a class not told"


def lot_words(lot: ClosedLot) -> str:
    """Why a closed lot has no gain; empty for most."""
    return "premium in the shares" if lot.delivered else ""


def correction_words(role: str) -> str:
    return CORRECTION_WORDS.get(role, role)


def init_app(app: Flask) -> None:
    for function in (
        plain, money, signed, quantity, price, percent, signed_percent, count,
        day, day_text, moment, moment_text, ago, clock, loses_digits, places, type_words, origin_words,
        correction_words, asset_class_words, price_origin_words,
        lot_words,
    ):  # fmt: skip
        app.jinja_env.filters[function.__name__] = function


def _rounded(value: Decimal, places: int) -> Decimal:
    return value.quantize(_PLACES[places], ROUND_HALF_UP, _WIDE)


def _shown(value: Decimal, text: str) -> str:
    """`text`, which is `value` with commas between the thousands: with thin spaces, a true minus, and none before a
    zero."""
    text = text.replace(",", THIN_SPACE)
    return text.replace("-", MINUS if value else "", 1)


def _machine(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if value.tzinfo else value.isoformat()
