"""What a trade moves in money, before commission and taxes. Pure; signs are the account's: paid out is negative."""

from __future__ import annotations

from decimal import Decimal

from stonks.core.records import Side

# Marked to market daily: no money changes hands for what the contract is worth.
UNPAID_CLASSES = frozenset({"FUT", "FSFOP", "CFD", "FXCFD"})
# Quantity is face value and the price per 100 of it.
PER_HUNDRED_CLASSES = frozenset({"BOND", "BILL"})


def gross_amount(
    side: Side, cancels: bool, quantity: Decimal, price: Decimal, asset_class: str | None, multiplier: Decimal | None
) -> Decimal | None:
    """Signed cash effect of a trade in its own currency; None where the notional is never paid (futures, CFDs)."""
    if asset_class in UNPAID_CLASSES:
        return None
    amount = quantity * price * (multiplier or 1)
    if asset_class in PER_HUNDRED_CLASSES:
        amount /= 100
    return amount if (side is Side.SELL) is not cancels else -amount
