"""The doctor: how the query was made, what that costs, and the clicks that mend it. From what a reading found."""

from __future__ import annotations

from dataclasses import dataclass

from stonks.brokers.ibkr.frame import CASH, TRADES
from stonks.core.records import Finding, Period, Severity

_EDIT = "In Client Portal: Performance & Reports → Flex Queries → your query → Edit"


@dataclass(frozen=True, slots=True)
class Found:
    """What the doctor looks at."""

    columns: dict[str, set[str]]  # section -> plain column names
    levels: frozenset[str]  # of detail, of the trades' rows
    cash_types: frozenset[str]
    kinds: frozenset[str]
    accounts: int
    account_told: bool
    period: Period | None
    period_is_stated: bool
    asked_days: int | None
    date_order_is_guess: bool
    undated_positions: bool
    unsettled_options: bool
    settlements_untold: bool  # of options on an index
    lots_alone: bool  # of positions
    nameless_trades: int  # rows left out as summaries, told by their missing Trade ID alone
    unmultiplied: frozenset[str]  # symbols of options and futures without a multiplier
    only_currency: str | None
    currencies: frozenset[str]  # of all rows, where only those of one are asked for


# Alternatives that tell the same fact, the field's name at IBKR, and what is lost without it.
_TRADE_FIELDS = (
    (("symbol",), "Symbol", "Trades are named by their ISIN alone, and conversions can’t be read."),
    (("isin", "securityidtype"), "ISIN", "Instruments are told by their symbol alone, which can change."),
    (("tradeid",), "Trade ID", "Trades are told apart by their facts alone."),
    (("tradedate", "datetime"), "Trade Date", "Trades can’t be dated and are not imported."),
    (("buysell",), "Buy/Sell", "Purchases and sales are told apart by their quantity’s sign alone."),
    (("tradeprice", "price"), "TradePrice", "Trades have no price and are not imported."),
    (("ibcommission", "commission"), "IB Commission", "Commissions are missing from costs and gains."),
    (("currencyprimary", "currency"), "Currency", "Trades have no currency and are not imported."),
)
_CASH_FIELDS = (
    (("symbol",), "Symbol", "Dividends don’t name their instrument."),
    (("isin", "securityidtype"), "ISIN", "Dividends can’t be tied to an instrument whose symbol changed."),
    (("datetime", "settledate", "reportdate"), "Date/Time", "Cash transactions can’t be dated and are not imported."),
    (("transactionid",), "Transaction ID", "Cash transactions are told apart by their facts alone."),
    (("currencyprimary", "currency"), "Currency", "Cash transactions have no currency and are not imported."),
)
_LOSES_ROWS = frozenset({"Trade Date", "TradePrice", "Currency", "Date/Time"})


def examine(found: Found) -> tuple[Finding, ...]:
    """Most serious first."""
    findings: list[Finding] = []
    if TRADES not in found.columns:
        findings.append(
            Finding(
                "section-missing:trades",
                Severity.ERROR,
                "The section Trades is missing: no trade can arrive.",
                f"{_EDIT} → Sections → Trades, tick Executions and the fields of the guide. It needs Buy/Sell and Quantity.",
            )
        )
    else:
        findings += _missing("trades", "Trades", found.columns[TRADES], _TRADE_FIELDS)
    if CASH not in found.columns:
        findings.append(
            Finding(
                "section-missing:cash",
                Severity.NOTE,
                "The section Cash Transactions is missing: dividends and withheld tax do not arrive.",
                f"{_EDIT} → Sections → Cash Transactions, tick Dividends and Withholding Tax.",
            )
        )
    else:
        findings += _missing("cash", "Cash Transactions", found.columns[CASH], _CASH_FIELDS)
        findings += _unticked(found.cash_types)
    findings += _levels(found.levels)
    findings += _nameless(found.nameless_trades)
    findings += _multipliers(found.unmultiplied)
    findings += _conversion_fees(found)
    findings += _accounts(found)
    findings += _period(found)
    findings += _currency(found)
    if found.undated_positions:
        findings.append(
            Finding(
                "field-missing:positions:report-date",
                Severity.NOTE,
                "Open Positions do not say of which day they are, so nothing is compared with them.",
                f"{_EDIT} → Sections → Open Positions, tick Report Date.",
            )
        )
    if found.settlements_untold:
        findings.append(
            Finding(
                "section-missing:option-exercises",
                Severity.WARNING,
                "Options on an index were exercised or assigned: what they were settled for in cash is missing.",
                f"{_EDIT} → Sections → Option Exercises, Assignments and Expirations, tick all fields.",
            )
        )
    if found.unsettled_options:
        findings.append(
            Finding(
                "field-missing:option-exercises:proceeds",
                Severity.WARNING,
                "Options were settled in cash, and nothing says for how much: it is missing from cash and gains.",
                f"{_EDIT} → Sections → Option Exercises, Assignments and Expirations, tick Proceeds.",
            )
        )
    if found.lots_alone:
        findings.append(
            Finding(
                "positions-lots-alone",
                Severity.NOTE,
                "Open Positions hold lots only, so nothing is compared with them.",
                f"{_EDIT} → Sections → Open Positions, tick Summary.",
            )
        )
    if found.date_order_is_guess:
        findings.append(
            Finding(
                "date-order",
                Severity.WARNING,
                "Nothing in the file tells whether its dates are day/month or month/day; month/day was assumed.",
                f"{_EDIT} → Date Format: yyyyMMdd. Or choose the order of the dates here.",
            )
        )
    order = list(Severity)
    return tuple(sorted(findings, key=lambda finding: order.index(finding.severity)))


def _missing(
    code: str, section: str, columns: set[str], fields: tuple[tuple[tuple[str, ...], str, str], ...]
) -> list[Finding]:
    if not columns:
        return []
    return [
        Finding(
            f"field-missing:{code}:{name.lower().replace(' ', '-').replace('/', '-')}",
            Severity.ERROR if name in _LOSES_ROWS else Severity.WARNING,
            f"{name} is missing from {section}. {cost}",
            f"{_EDIT} → Sections → {section}, tick {name}.",
        )
        for names, name, cost in fields
        if not columns & set(names)
    ]


def _unticked(types: frozenset[str]) -> list[Finding]:
    if "dividends" in types and "withholdingtax" not in types and types:
        return [
            Finding(
                "cash-type-missing:withholding-tax",
                Severity.NOTE,
                "There are dividends but no withheld tax.",
                f"{_EDIT} → Sections → Cash Transactions, tick Withholding Tax if tax is withheld from you.",
            )
        ]
    return []


def _levels(levels: frozenset[str]) -> list[Finding]:
    executions = levels & {"", "EXECUTION", "DETAIL"}
    other = sorted(levels - executions)
    if not other:
        return []
    names = ", ".join(level.replace("_", " ").capitalize() for level in other)
    if not executions:
        return [
            Finding(
                "executions-missing",
                Severity.ERROR,
                f"Trades hold {names} rows but no executions: no trade can arrive.",
                f"{_EDIT} → Sections → Trades, tick Execution.",
            )
        ]
    return [
        Finding(
            "levels-ticked",
            Severity.NOTE,
            f"{names} rows are ticked beside executions. Harmless: each trade is counted once.",
            f"{_EDIT} → Sections → Trades, tick Execution only.",
        )
    ]


def _nameless(rows: int) -> list[Finding]:
    if not rows:
        return []
    said = "1 row of Trades has" if rows == 1 else f"{rows} rows of Trades have"
    return [
        Finding(
            "summaries-untold",
            Severity.WARNING,
            f"{said} no Trade ID where others have one, and no Level of Detail: taken for summaries and left out.",
            f"{_EDIT} → Sections → Trades, tick Level of Detail and Trade ID, and untick Order and Symbol Summary.",
        )
    ]


def _multipliers(symbols: frozenset[str]) -> list[Finding]:
    if not symbols:
        return []
    first, *others = sorted(symbols)
    said = f"{first} and {len(others)} more options or futures tell" if others else f"The contract {first} tells"
    return [
        Finding(
            "multiplier-untold",
            Severity.WARNING,
            f"{said} no multiplier: what was paid counts for one unit a contract, which is too little.",
            f"{_EDIT} → Sections → Trades, tick Multiplier.",
        )
    ]


def _conversion_fees(found: Found) -> list[Finding]:
    columns = found.columns.get(TRADES, set())
    if "FxConversion" not in found.kinds or columns & {"ibcommissioncurrency", "commissioncurrency"}:
        return []
    return [
        Finding(
            "field-missing:trades:ib-commission-currency",
            Severity.WARNING,
            "IB Commission Currency is missing. Fees of currency conversions may be booked in the wrong currency.",
            f"{_EDIT} → Sections → Trades, tick IB Commission Currency.",
        )
    ]


def _accounts(found: Found) -> list[Finding]:
    if found.accounts > 1 and not found.account_told:
        return [
            Finding(
                "accounts-untold",
                Severity.WARNING,
                f"The query covers {found.accounts} accounts, but its rows do not say whose they are.",
                f"{_EDIT} → Sections → Trades and Cash Transactions, tick Account ID.",
            )
        ]
    return []


def _period(found: Found) -> list[Finding]:
    if not (found.period and found.period_is_stated and found.asked_days):
        return []
    days = (found.period.last - found.period.first).days + 1
    if days >= found.asked_days - 7:
        return []
    return [
        Finding(
            "period-short",
            Severity.WARNING,
            f"The statement covers {days} {'day' if days == 1 else 'days'} although {found.asked_days} were asked for.",
            f"{_EDIT} → Delivery Configuration → Period: Last 365 Calendar Days.",
        )
    ]


def _currency(found: Found) -> list[Finding]:
    if not found.currencies or found.only_currency in found.currencies:
        return []
    there = ", ".join(sorted(found.currencies))
    return [
        Finding(
            "currency-absent",
            Severity.WARNING,
            f"No row is in {found.only_currency}, the only currency that is taken here. There are rows in {there}.",
            "Right when that currency is yet to come. Else change Only this currency, or leave it empty for all.",
        )
    ]
