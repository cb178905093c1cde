"""What was folded of an instrument as the rows in which it is stored."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from stonks.core.fingerprint import plain
from stonks.ledger.entries import Called
from stonks.ledger.folding import Folding
from stonks.portfolio import summary
from stonks.portfolio.income import Receipt
from stonks.portfolio.late import late as found_late
from stonks.portfolio.overview import Gains
from stonks.portfolio.summary import Summary
from stonks.portfolio.valuation import Instrument, Rates

Row = dict[str, Any]


def gains_text(gains: Mapping[int, Gains]) -> str:
    return json.dumps({str(year): [plain(one.gain), one.sales, one.unknown] for year, one in sorted(gains.items())})


def gains_of(text: str) -> dict[int, Gains]:
    return {
        int(year): Gains(Decimal(gain), sales, unknown) for year, (gain, sales, unknown) in json.loads(text).items()
    }


def called_in_order(called: Iterable[Called]) -> list[Called]:
    return sorted(called, key=lambda one: (one[0] or "", one[1] or ""))


def called(found: Folding, what: Instrument) -> str:
    moved = found.moved_as.get(what.key, set())
    paid = [found.paid_as.get(name, set()) for name in (what.isin, what.symbol) if name]
    return json.dumps({"moved": called_in_order(moved), "paid": called_in_order(set().union(*paid))})


def stored(one: Summary, portfolio_id: int) -> Row:
    what = one.instrument
    return {
        "portfolio_id": portfolio_id,
        "key": what.key,
        "name": what.key.rpartition("/")[0],
        "is_open": bool(one.open),
        "complete": not one.reasons,
        "symbol": what.symbol,
        "isin": what.isin,
        "currency": what.currency,
        "asset_class": what.asset_class,
        "multiplier": what.multiplier,
        "description": what.description,
        "quantity": one.quantity,
        "cost": one.cost,
        "cost_known": one.cost_known,
        "cost_base": one.cost_base,
        "missing": one.missing,
        "closed_lots": len(one.closed),
        "income_base": one.income_base,
        "unconverted": one.unconverted,
        "reasons": json.dumps(one.reasons),
        "gains": gains_text(one.gains),
    }


def priced(found: Folding, what: Instrument, bank: tuple[Decimal, date] | None) -> Row:
    """`bank`: its newest rate of the instrument's currency."""
    traded, marked = found.traded.get(what.key), found.marked.get(what.key)
    return {
        "traded": traded.price if traded else None,
        "traded_on": traded.on if traded else None,
        "mark": marked.price if marked else None,
        "marked_on": marked.on if marked else None,
        "bank_rate": bank[0] if bank else None,
        "bank_day": bank[1] if bank else None,
    }


def income(counted: list[Receipt], portfolio_id: int, rates: Rates) -> list[Row]:
    return [
        {"portfolio_id": portfolio_id, "name": name, "family": name.upper(), "year": year}
        | {f"{what}_base": amount for what, amount in one._asdict().items()}
        for (name, year), one in sorted(summary.by_year(counted, rates).items())
    ]


def late(counted: list[Receipt], portfolio_id: int) -> list[Row]:
    return [
        {"portfolio_id": portfolio_id, "entry_id": one.receipt.entry_id, "name": one.receipt.key}
        | {"family": (one.receipt.key or "").upper(), "concerns": one.concerns, "known_in": one.known_in}
        for one in found_late(counted)
    ]


def lots(one: Summary, portfolio_id: int, before: int) -> list[Row]:
    """`before`: lots closed before those of `one`."""
    common = {"portfolio_id": portfolio_id, "key": one.instrument.key}
    closed = [
        common
        | {
            "place": place,
            "opened": lot.opened,
            "closed": lot.closed,
            "quantity": lot.quantity,
            "cost": lot.cost,
            "cost_known": lot.cost_known,
            "proceeds": lot.proceeds,
            "gain_base": gain,
            "delivered": lot.delivered,
        }
        for place, (lot, gain) in enumerate(one.closed, before)
    ]
    return closed + [
        common
        | {
            "place": place,
            "opened": lot.opened,
            "closed": None,
            "quantity": lot.quantity,
            "cost": lot.cost,
            "cost_known": lot.cost_known,
            "proceeds": None,
            "gain_base": None,
            "delivered": False,
        }
        for place, lot in enumerate(one.open, before + len(closed))
    ]
