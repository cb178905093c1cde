"""The invented market of the demo: six real names at invented prices, and exchange rates. What a day's price is hangs on
the day alone, so it is the same whenever it is asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from hashlib import sha256

_SWING_DAYS = 21  # from one turn of a price to the next
_START = date(2026, 1, 1)


@dataclass(frozen=True, slots=True)
class Share:
    symbol: str
    isin: str
    currency: str
    price: Decimal  # about what it cost at the start of 2026; the year's course is invented
    fee: Decimal


def _share(symbol: str, isin: str, currency: str, price: str, fee: str) -> Share:
    return Share(symbol, isin, currency, Decimal(price), Decimal(fee))


WORLD = _share("VWCE", "IE00BK5BQT80", "EUR", "138.00", "-1.25")
APPLE = _share("AAPL", "US0378331005", "USD", "262.00", "-0.35")
MICROSOFT = _share("MSFT", "US5949181045", "USD", "492.00", "-0.35")
COLA = _share("KO", "US1912161007", "USD", "69.50", "-0.35")
SAP = _share("SAP", "DE0007164600", "EUR", "214.00", "-1.25")
UNILEVER = _share("ULVR", "GB00B10RZP78", "GBP", "45.60", "-1.70")
SHARES = (WORLD, APPLE, MICROSOFT, COLA, SAP, UNILEVER)

_RATES = {"USD": Decimal("0.862"), "GBP": Decimal("1.148")}  # in euros, about


def price_of(share: Share, day: date) -> Decimal:
    """A slow rise, swings of some weeks of up to 6 per cent either way, and a daily shake of up to half a per cent."""
    trend = 1 + Decimal((day - _START).days) / 4000
    return (share.price * trend * _swings(share.symbol, day, 6) * _shake(share.symbol, day)).quantize(Decimal("0.01"))


def rate_of(currency: str, day: date) -> Decimal:
    """What one of it is worth in euros."""
    return (_RATES[currency] * _swings(currency, day, 2)).quantize(Decimal("0.00001"))


def dice(*facts: object) -> int:
    """A number that looks like chance and is the same for the same facts."""
    return int.from_bytes(sha256("|".join(map(str, facts)).encode()).digest()[:8])


def _swings(name: str, day: date, per_cent: int) -> Decimal:
    """A factor that goes from turn to turn, each up to so much above or below 1."""
    turn, days = divmod(day.toordinal(), _SWING_DAYS)
    here, there = (Decimal(dice(name, number) % 2001 - 1000) / 1000 for number in (turn, turn + 1))
    return 1 + (here + (there - here) * days / _SWING_DAYS) * per_cent / 100


def _shake(name: str, day: date) -> Decimal:
    return 1 + Decimal(dice(day, name) % 101 - 50) / 10000
