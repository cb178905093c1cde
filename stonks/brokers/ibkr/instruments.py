"""What an instrument is, from its columns where they tell, else from the shape of its symbol and ISIN.

Source: in real files the ISIN is filled for stocks, funds, bonds (named by coupon and maturity) and warrants and empty
for conversions, options, futures and CFDs; a query with the guide's fields only has no asset class.
"""

from __future__ import annotations

import re
from decimal import Decimal

# Classes whose price is that of one of several units.
CONTRACTS = frozenset({"OPT", "FUT", "FOP", "FSOPT", "FSFOP", "SSF"})

# Options on these are settled in cash (Cboe and Eurex); the list is for a hint, not complete.
_INDEX_OPTION = re.compile(
    r"(?:SPXW?|XSP|NDXP?|XND|RUTW?|MRUT|VIXW?|DJX|OEX|XEO) +\d{6}[CP]\d{8}|[CP] (?:OESX|ODAX|OSMI) +\d{8} .*"
)

_PAIR = re.compile(r"[A-Z]{3}\.[A-Z]{3}")
_OCC_OPTION = re.compile(r"[A-Z0-9.]{1,6} +\d{6}[CP]\d{8}")
_EUREX_OPTION = re.compile(r"[CP] [A-Z0-9]+ +\d{8} .*")
_MONTHLY_FUTURE = re.compile(r"[A-Z0-9]{1,4}[FGHJKMNQUVXZ]\d{1,2}")  # PAH3 and MUV2 are shares
_DATED_FUTURE = re.compile(r"[A-Z0-9]+ +\d{8} .*")
_FUTURE_OPTION = re.compile(r"[A-Z0-9]{2,5}[FGHJKMNQUVXZ]\d{1,2} [CP]\d+.*")
_COIN = re.compile(r"[A-Z0-9]{2,10}\.[A-Z]{3}-[A-Z]+|(?:BTC|ETH|LTC|BCH|SOL|ADA|XRP)\.[A-Z]{3}")
_BOND = re.compile(r".* \d{2}/\d{2}/\d{2}( .*)?")  # T 4 11/15/34
_TREASURY = re.compile(r"US912[78].*")
_NAMELESS = re.compile(r"IBCID\d+")
_CFD = re.compile(r"[A-Z0-9]+n")


def is_pair(symbol: str) -> bool:
    return _PAIR.fullmatch(symbol) is not None


def is_index_option(symbol: str) -> bool:
    """Of the best known ones."""
    return _INDEX_OPTION.fullmatch(symbol) is not None


def asset_class_of(told: str, symbol: str, isin: str, isin_is_told: bool) -> str | None:
    """IBKR's asset class; None when neither columns nor shape tell. `isin_is_told`: the file has an ISIN column."""
    if told:
        return told.upper()
    if isin:
        if _BOND.fullmatch(symbol) or _TREASURY.fullmatch(isin):
            return "BOND"
        # Bonds are named by their CUSIP, and shares without a symbol; both by a number of the broker’s own.
        return "STK" if symbol != isin[2:11] and not _NAMELESS.fullmatch(symbol) else None
    if _COIN.fullmatch(symbol):
        return "CRYPTO"
    if is_pair(symbol):
        return "CASH"
    if _OCC_OPTION.fullmatch(symbol) or _EUREX_OPTION.fullmatch(symbol):
        return "OPT"
    if _FUTURE_OPTION.fullmatch(symbol):
        return "FOP"
    if _DATED_FUTURE.fullmatch(symbol):
        return "FUT"
    if _MONTHLY_FUTURE.fullmatch(symbol):
        return "FUT" if isin_is_told else None
    if _CFD.fullmatch(symbol):
        return "CFD"
    return None if isin_is_told or not symbol else "STK"


def multiplier_of(told: Decimal | None, asset_class: str, symbol: str) -> Decimal | None:
    """Units per contract; an option of the American form is on a hundred."""
    if told is not None and told != 0:
        return told
    return Decimal(100) if asset_class == "OPT" and _OCC_OPTION.fullmatch(symbol) else None
