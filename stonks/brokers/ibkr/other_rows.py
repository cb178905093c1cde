"""Rows of the sections beside trades and cash: corporate actions, transfers, positions, rates and balances.

Few of a file's rows are theirs, so each is named cell by cell.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

from stonks.brokers.ibkr.cells import (
    account_of,
    check_lengths,
    currency_of,
    identifier_of,
    isin_of,
    number_of,
    number_or_none,
    text_of,
)  # fmt: skip
from stonks.brokers.ibkr.frame import (
    ACTIONS,
    CASH_REPORT,
    EXERCISES,
    GRANTS,
    POSITIONS,
    RATES,
    TRANSFERS,
    Block,
    Row,
    Table,
)  # fmt: skip
from stonks.brokers.ibkr.reading import BROKER, CashTold, Left, Shared, Take, Taken, Unmarked
from stonks.brokers.ibkr.seldom_rows import grant, settlement
from stonks.brokers.ibkr.survey import of_all_accounts, position_group
from stonks.core.fingerprint import other_identity, plain
from stonks.core.records import CashBalance, CorporateAction, FxRate, Position, Record, Transfer

_LONGEST_CURRENCY = 12  # as in cells.currency_of


class OtherRows:
    """Reads what is neither a trade nor a cash transaction of one file."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self.position_levels: set[str] = set()  # as met
        self._until = ""  # of the block: what rows without a date are of
        self._readers: dict[str, Callable[[Row], Taken | Unmarked]] = {
            ACTIONS: self._action,
            TRANSFERS: self._transfer,
            POSITIONS: self._position,
            RATES: self._rate,
            CASH_REPORT: self._balances,
            GRANTS: lambda row: grant(row, shared.dates),
            EXERCISES: lambda row: settlement(row, shared.dates),
        }

    def taker(self, table: Table) -> Take:
        """What makes records of one table's rows."""
        read = self._readers[table.section]

        def take(block: Block) -> list[Taken]:
            rows = list(block.named())
            for row in rows:
                check_lengths(row.cells)
            self._until = block.until
            found = list(map(read, rows))  # all of them before the first is marked, as marks are counted
            return [self._marked(each) if isinstance(each, Unmarked) else each for each in found]

        return take

    def _action(self, row: Row) -> Unmarked | Left:
        cells = row.cells
        survey = self._shared.survey
        unnamed = not (row.level or text_of(cells, "transactionid"))
        sums_up = row.level == "SUMMARY" or (unnamed and of_all_accounts(cells))
        if sums_up and survey.details_actions:
            return Left.SUMMARY
        told = text_of(cells, "datetime") or text_of(cells, "reportdate")
        day = self._day_of(told, "Date/Time")
        quantity = number_of(cells, "quantity", "Quantity")
        external_id = identifier_of(cells, "transactionid")
        if unnamed and survey.is_action_told_in_detail(row, self._shared.dates):
            return Left.SUMMARY
        kind = text_of(cells, "type") or "OTHER"
        symbol, isin = text_of(cells, "symbol"), isin_of(cells)
        facts = (external_id or "", kind, plain(quantity), day.isoformat(), (isin or symbol).upper())
        record = CorporateAction(
            action_date=day,
            kind=kind,
            quantity=quantity,
            currency=currency_of(cells),
            symbol=symbol or None,
            isin=isin or None,
            amount=number_or_none(cells, "proceeds", "Proceeds"),
            value=number_or_none(cells, "value", "Value"),
            asset_class=text_of(cells, "assetclass") or text_of(cells, "assetcategory") or None,
            multiplier=number_or_none(cells, "multiplier", "Multiplier"),
            account=account_of(cells),
            external_id=external_id,
            action_id=identifier_of(cells, "actionid"),
            description=text_of(cells, "actiondescription") or text_of(cells, "description"),
            line=row.line,
            fingerprint=b"",
        )
        return Unmarked(record, other_identity(BROKER, "action", *facts))

    def _transfer(self, row: Row) -> Unmarked | Left:
        cells = row.cells
        if row.level == "LOT" and self._shared.survey.transfer_levels > {"LOT"}:
            return Left.SUMMARY
        told = text_of(cells, "date") or text_of(cells, "datetime") or text_of(cells, "reportdate")
        day = self._day_of(told, "Date")
        cash = number_or_none(cells, "cashtransfer", "CashTransfer")
        signed = number_or_none(cells, "quantity", "Quantity")
        if signed is None:  # of cash alone
            signed = Decimal() if cash else number_of(cells, "quantity", "Quantity")
        direction = text_of(cells, "direction").upper()
        if direction not in ("IN", "OUT"):
            direction = "OUT" if (signed or cash or 0) < 0 else "IN"
        external_id = identifier_of(cells, "transactionid")
        symbol, isin = text_of(cells, "symbol"), isin_of(cells)
        if not (external_id or row.level) and self._shared.survey.is_transfer_told_as_whole(row, self._shared.dates):
            return Left.SUMMARY
        kind = text_of(cells, "type")
        facts = (external_id or "", kind, direction, plain(abs(signed)), day.isoformat(), (isin or symbol).upper())
        record = Transfer(
            transfer_date=day,
            direction=direction,
            quantity=abs(signed),
            currency=currency_of(cells),
            symbol=symbol or None,
            isin=isin or None,
            kind=kind or None,
            value=number_or_none(cells, "positionamount", "PositionAmount"),
            cash=cash,
            asset_class=text_of(cells, "assetclass") or text_of(cells, "assetcategory") or None,
            multiplier=number_or_none(cells, "multiplier", "Multiplier"),
            account=account_of(cells),
            external_id=external_id,
            description=text_of(cells, "description") or None,
            line=row.line,
            fingerprint=b"",
        )
        return Unmarked(record, other_identity(BROKER, "transfer", *facts))

    def _position(self, row: Row) -> Unmarked | Left:
        cells = row.cells
        self.position_levels.add(row.level)
        if row.level == "LOT" or self._is_lot(row):
            return Left.SUMMARY
        told = text_of(cells, "reportdate")
        as_of = self._shared.dates.day(told) if told else self._last_day()
        if as_of is None:
            return Left.UNDATED
        quantity = number_of(cells, "quantity" if "quantity" in cells else "position", "Quantity")
        if quantity > 0 and text_of(cells, "side").upper() == "SHORT":
            raise ValueError("Side is Short, but the quantity is not negative.")
        symbol, isin = text_of(cells, "symbol"), isin_of(cells)
        account = account_of(cells)
        basis = number_or_none(cells, "costbasismoney", "CostBasisMoney")
        record = Position(
            as_of=as_of,
            quantity=quantity,
            mark_price=number_or_none(cells, "markprice", "MarkPrice"),
            cost_basis=basis,
            currency=currency_of(cells),
            symbol=symbol or None,
            isin=isin or None,
            asset_class=text_of(cells, "assetclass") or text_of(cells, "assetcategory") or None,
            multiplier=number_or_none(cells, "multiplier", "Multiplier"),
            account=account,
            description=text_of(cells, "description") or None,
            line=row.line,
            fingerprint=b"",
        )
        facts = (as_of.isoformat(), account or "", isin or symbol, plain(quantity))
        return Unmarked(record, other_identity(BROKER, "position", *facts))

    def _is_lot(self, row: Row) -> bool:
        """Where no level of detail tells: a lot says when it was opened, and the sum of all lots does not."""
        told = not row.level and text_of(row.cells, "opendatetime")
        return bool(told) and position_group(row) in self._shared.survey.summed_positions

    def _rate(self, row: Row) -> FxRate | Left:
        cells = row.cells
        told = text_of(cells, "datetime") or text_of(cells, "date") or text_of(cells, "reportdate")
        try:
            day, rate = self._shared.dates.day(told), number_of(cells, "rate", "Rate")
        except ValueError:
            return Left.ASIDE
        source, target = text_of(cells, "fromcurrency"), text_of(cells, "tocurrency")
        longest = max(len(source), len(target))
        if rate <= 0 or not (source and target) or longest > _LONGEST_CURRENCY:  # -1: IBKR has none
            return Left.ASIDE
        return FxRate(day, source, target, rate)

    def _balances(self, row: Row) -> CashTold | Left:
        cells = row.cells
        if row.level == "BASECURRENCY":  # it sums up all currencies
            return Left.ASIDE
        told = text_of(cells, "todate") or text_of(cells, "reportdate")
        begun = text_of(cells, "fromdate")
        try:
            day = self._shared.dates.day(told) if told else self._last_day()
            currency, cash = currency_of(cells), number_of(cells, "endingcash", "Ending Cash")
            starting = number_or_none(cells, "startingcash", "Starting Cash")
            before = self._shared.dates.day(begun) - timedelta(days=1) if begun and starting is not None else None
        except ValueError:
            return Left.ASIDE
        if day is None:
            return Left.ASIDE
        account = account_of(cells)
        found = (CashBalance(day, currency, cash, account),)
        if before is None or starting is None:
            return CashTold(found)
        return CashTold((CashBalance(before, currency, starting, account), *found))

    def _day_of(self, told: str, field: str) -> date:
        if not told:
            raise ValueError(f"The row has no date. Add the field {field} to the query.")
        return self._shared.dates.day(told)

    def _last_day(self) -> date | None:
        try:
            return self._shared.dates.day(self._until)
        except ValueError:
            return None

    def _marked(self, unmarked: Unmarked) -> Record:
        (mark,) = self._shared.fingerprints.of_all([unmarked.identity])
        return unmarked.record._replace(fingerprint=mark)
