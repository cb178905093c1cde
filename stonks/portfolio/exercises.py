"""Options that are exercised or assigned, and the shares delivered for them.

The premium goes into the price of the shares, and the option ends without a gain of its own: what a call cost is part of
what its shares cost, what a put cost comes off what its shares brought, and the other way round for options that were
written. Source: IRS Publication 550, "Puts and Calls"; the cost basis that IBKR reports does the same.

A broker tells both as trades of one day with the same codes: the option at no price, the shares at the strike.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from stonks.portfolio.lots import ZERO
from stonks.portfolio.movements import DERIVATIVES, Leg, Movement

# IBKR's codes: A assignment; Ex, AEx, MEx exercise, automatic, manual; GEA either, from positions that offset each other.
CODES = frozenset({"A", "Ex", "AEx", "MEx", "GEA"})

# As the OCC writes them ("AAPL  260116C00150000": strike in thousandths), and as Eurex does ("P LEG  20230317 69 M").
_OCC = re.compile(r"(?P<root>[^\s\d][^\s]{0,5}?)\s*\d{6}(?P<right>[CP])(?P<strike>\d{8})")
_EUREX = re.compile(r"(?P<right>[CP]) (?P<root>\S+)\s+\d{8} (?P<strike>\d+(?:\.\d+)?) \w")
_TAIL = re.compile(r"[a-z]+$")  # Xetra's shares of LEG are LEGd
_THOUSANDTH = Decimal("0.001")


class Contract(NamedTuple):
    root: str
    right: str  # "C" or "P"
    strike: Decimal


class Delivery(NamedTuple):
    """Options that ended on a day, and all the shares that came or went for them."""

    options: tuple[Movement, ...]
    shares: tuple[Movement, ...]


def leg_of(
    symbol: str | None,
    asset_class: str | None,
    underlying: str | None,
    price: Decimal | None,
    multiplier: Decimal | None,
) -> Leg | None:
    """What a trade with one of CODES is of a delivery; None where that does not follow from its facts."""
    root = root_of(symbol, asset_class, underlying)
    if root is None or price is None:
        return None
    if asset_class != "OPT":
        return Leg(root, price, Decimal(1), is_option=False)
    contract = contract_of(symbol)
    if contract is None or multiplier is None or price:
        return None
    # Who closes a bought call gets shares, and who buys back a written one, at nothing, gives them.
    return Leg(root, contract.strike, -multiplier if contract.right == "C" else multiplier, is_option=True)


def root_of(symbol: str | None, asset_class: str | None, underlying: str | None) -> str | None:
    """What an option and its shares are both called; None for what neither is."""
    if not symbol or (asset_class in DERIVATIVES and asset_class != "OPT"):
        return None
    if asset_class != "OPT":
        return _plain(symbol)
    contract = contract_of(symbol)
    return None if contract is None else _plain(underlying or contract.root)


def contract_of(symbol: str | None) -> Contract | None:
    found = _OCC.fullmatch(symbol or "")
    if found:
        return Contract(found["root"], found["right"], Decimal(found["strike"]) * _THOUSANDTH)
    found = _EUREX.fullmatch(symbol or "")
    return Contract(found["root"], found["right"], Decimal(found["strike"])) if found else None


def with_deliveries(of_day: Sequence[Movement]) -> Iterator[Movement | Delivery]:
    """A day's movements in their order; what belongs to a delivery comes together, in the place of the last of it."""
    delivery_of = {id(item): one for one in _deliveries(of_day) for item in (*one.options, *one.shares)}
    waiting: dict[int, int] = defaultdict(int)
    for one in delivery_of.values():
        waiting[id(one)] += 1
    for item in of_day:
        delivery = delivery_of.get(id(item))
        if delivery is None:
            yield item
            continue
        waiting[id(delivery)] -= 1
        if not waiting[id(delivery)]:
            yield delivery


def _deliveries(of_day: Sequence[Movement]) -> list[Delivery]:
    """Where as many shares moved at the strike as the options are for. Several options on the same shares, or several
    executions of them, are one."""
    groups: dict[tuple[str, str, Decimal, bool], tuple[list[Movement], list[Movement]]] = defaultdict(lambda: ([], []))
    for item in of_day:
        if item.leg is not None:
            currency = item.key.rpartition("/")[2]
            group = groups[currency, item.leg.root, item.leg.strike, _shares(item) > 0]
            group[0 if item.leg.is_option else 1].append(item)
    return [
        Delivery(tuple(options), tuple(shares))
        for options, shares in groups.values()
        if options and sum(map(_shares, options), ZERO) == sum(map(_shares, shares), ZERO)
    ]


def _shares(item: Movement) -> Decimal:
    """That come (+) or go (-)."""
    return item.quantity * item.leg.each if item.leg is not None else ZERO


def _plain(symbol: str) -> str | None:
    return _TAIL.sub("", symbol).replace(" ", "").replace(".", "").upper() or None
