"""IBKR's types of cash transactions and what they mean here. Source: real files and the options of Client Portal."""

from __future__ import annotations

from functools import lru_cache

from stonks.core.records import CashKind

_KINDS = {
    "dividends": CashKind.DIVIDEND,
    "dividend": CashKind.DIVIDEND,
    "paymentinlieuofdividends": CashKind.PAYMENT_IN_LIEU,
    "withholdingtax": CashKind.WITHHOLDING_TAX,
    "871mwithholding": CashKind.WITHHOLDING_TAX,
    "interest": CashKind.INTEREST,
    "brokerinterest": CashKind.INTEREST,
    "brokerinterestpaid": CashKind.INTEREST,
    "brokerinterestreceived": CashKind.INTEREST,
    "bondinterest": CashKind.INTEREST,
    "bondinterestpaid": CashKind.INTEREST,
    "bondinterestreceived": CashKind.INTEREST,
    "fees": CashKind.FEE,  # an advisor’s, in files of 2025
    "otherfees": CashKind.FEE,
    "brokerfees": CashKind.FEE,
    "advisorfees": CashKind.FEE,
    "clientfees": CashKind.FEE,
    "commissionadjustments": CashKind.FEE,
    "transactiontax": CashKind.FEE,
    "salestax": CashKind.FEE,
    "carboncredits": CashKind.FEE,
    "otherincome": CashKind.OTHER,
    "priceadjustments": CashKind.OTHER,
    "cashreceipts": CashKind.OTHER,
    "realizedpl": CashKind.OTHER,
    "billpay": CashKind.OTHER,
}
_MOVEMENTS = frozenset(
    {"depositswithdrawals", "depositsandwithdrawals", "depositwithdrawal", "deposits", "withdrawals"}
)


@lru_cache(maxsize=1024)
def type_name(text: str) -> str:
    """The type in letters and digits only, lower case: "Deposits & Withdrawals" and "Deposits/Withdrawals" are one."""
    return "".join(character for character in text.casefold() if character.isalnum())


def kind_of(name: str, *, incoming: bool) -> CashKind | None:
    """What a type means; None when it is not known. `incoming`: the amount is positive."""
    if name in _MOVEMENTS:
        return CashKind.DEPOSIT if incoming else CashKind.WITHDRAWAL
    return _KINDS.get(name)
