"""What the transactions add up to against what the broker says, and what a person does about a difference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import login_required

from stonks.core.errors import InvalidInput
from stonks.ledger import agreeing, figures, reconciling
from stonks.ledger.agreeing import Agreement, Dismissed
from stonks.ledger.reconciling import CashAgreement, Explained
from stonks.ledger.tables import Portfolio
from stonks.portfolio import reconcile
from stonks.portfolio.movements import Movement
from stonks.portfolio.reconcile import Difference, Opening
from stonks.portfolio.valuation import Instrument
from stonks.services import services
from stonks.web import csv_file
from stonks.web.pages import portfolio_page

blueprint = Blueprint("reconciling", __name__, url_prefix="/portfolios/<int:portfolio_id>/reconciliation")

DAY = timedelta(days=1)
MOST_EXPLAINED = 20  # on one page; settled ones make way for the rest
CHANGED = "It has changed since you opened this page. Nothing was dismissed; look at it again."


class Compared(NamedTuple):
    instruments: dict[str, Instrument]  # all that there are, by key
    pairs: list[Difference]  # every quantity, agreeing or not
    agreement: Agreement | None
    cash: CashAgreement | None

    def open(self) -> list[Difference]:
        lines = self.cash.lines if self.cash else []
        return [*(self.agreement.differences if self.agreement else []),
                *(line.difference for line in lines if line.difference)]  # fmt: skip

    def same(self) -> list[tuple[str, Difference]]:
        """What agrees, with its symbol, by symbol."""
        return sorted((self.instruments[one.key].symbol, one) for one in self.pairs if not one.amount)


class Refused(NamedTuple):
    """A dismissal that was not taken: of what, why, and what was typed."""

    key: str
    sentence: str
    note: str


def opening_form(portfolio_id: int, one: Instrument, on: date, opening: Opening | None = None) -> str:
    """The address of the form for an opening entry, filled in as far as it is known."""
    told: dict[str, Any] = {
        "symbol": one.symbol,
        "isin": one.isin,
        "currency": one.currency,
        "entry_date": on.isoformat(),
    }
    if opening and opening.quantity is not None:
        told["quantity"] = format(opening.quantity, "f")
    if opening and opening.cost is not None:
        told["amount"] = format(opening.cost, "f")
    return url_for("transactions.new", portfolio_id=portfolio_id, type="OPENING", **told)


def opening_of(portfolio_id: int, one: Instrument, movements: Iterable[Movement]) -> str | None:
    """The same for what was sold without having come; None where the instrument's `movements` lack no purchase."""
    own = list(movements)
    opening = reconcile.opening(own, None, None, max(item.on for item in own)) if own else None
    return opening_form(portfolio_id, one, min(item.on for item in own) - DAY, opening) if opening else None


@blueprint.get("")
@login_required
def show(portfolio_id: int) -> ResponseReturnValue:
    if request.args.get("as") == "csv":
        return _file(_compared(portfolio_page(portfolio_id).portfolio))
    return _page(portfolio_id)


@blueprint.post("/dismiss")
@login_required
def dismiss(portfolio_id: int) -> ResponseReturnValue:
    """The difference that the page showed, with a note; not one that it has become meanwhile."""
    page = portfolio_page(portfolio_id)
    key, note = request.form.get("key", ""), request.form.get("note", "")
    one = next((one for one in _compared(page.portfolio).open() if one.key == key), None)
    if one is None or str(one.amount) != request.form.get("difference"):
        return _page(portfolio_id, Refused(key, CHANGED, note)), 422
    try:
        agreeing.dismiss(portfolio_id, one, note, services().clock())
    except InvalidInput as refusal:
        return _page(portfolio_id, Refused(key, str(refusal), note)), 422
    return redirect(url_for("reconciling.show", portfolio_id=portfolio_id), 303)


@blueprint.post("/take-back")
@login_required
def take_back(portfolio_id: int) -> ResponseReturnValue:
    portfolio_page(portfolio_id)
    agreeing.take_back(portfolio_id, request.form.get("key", ""))
    return redirect(url_for("reconciling.show", portfolio_id=portfolio_id), 303)


def _page(portfolio_id: int, refused: Refused | None = None) -> str:
    page = portfolio_page(portfolio_id)
    compared = _compared(page.portfolio)
    agreement, cash = compared.agreement, compared.cash
    rows = _explained(page.portfolio, agreement) if agreement else []
    return render_template(
        "reconciliation/page.html",
        page=page,
        agreement=agreement,
        rows=rows,
        same=compared.same(),
        cash=cash,
        dismissed=_dismissed(compared.instruments, agreement, cash),
        refused=refused,
        opening=lambda row: opening_form(portfolio_id, row.instrument, row.opening_on, row.opening),
        balance=lambda currency, amount, on: _balance(portfolio_id, currency, amount, on),
    )


def _file(compared: Compared) -> ResponseReturnValue:
    """Each quantity, or with table=cash each currency, computed and reported."""
    if request.args.get("table") == "cash":
        lines = compared.cash.lines if compared.cash else []
        cash = (
            (one.currency, one.computed, one.reported, None if one.reported is None else one.reported - one.computed)
            for one in lines
        )
        return csv_file.answer("cash", ("Currency", "Computed", "Reported", "Difference"), cash)
    head = ("Instrument", "ISIN", "Currency", "Computed", "Reported", "Difference")
    named = ((compared.instruments[one.key], one) for one in compared.pairs)
    rows = ((what.symbol, what.isin, what.currency, one.computed, one.reported, one.amount) for what, one in named)
    return csv_file.answer("reconciliation", head, rows)


def _compared(portfolio: Portfolio) -> Compared:
    as_of, found = figures.compared(portfolio)
    instruments = {one.key: one for one in figures.instruments(portfolio)}
    agreement = None
    if as_of is not None:
        open_, dismissed = agreeing.part(portfolio.id, [one for _, one in found if one.amount])
        agreement = Agreement(as_of, open_, dismissed)
    # Not remembered: rows that could not be read are told with it, and no figure hangs on them.
    cash = reconciling.compared_cash(portfolio.id, instruments.values())
    return Compared(instruments, [one for _, one in found], agreement, cash)


def _explained(portfolio: Portfolio, agreement: Agreement) -> list[Explained]:
    """The first of them: each takes a fold of its instrument."""
    if not agreement.differences:
        return []
    first = replace(agreement, differences=agreement.differences[:MOST_EXPLAINED])
    found = reconciling.around(portfolio, {one.key for one in first.differences})
    return reconciling.explained(portfolio.id, found, found.held(), first)


def _dismissed(
    instruments: Mapping[str, Instrument], agreement: Agreement | None, cash: CashAgreement | None
) -> list[tuple[str, str, Dismissed]]:
    """Each with its name and, for cash, its currency."""
    shares = [(instruments[one.difference.key].symbol, "", one) for one in agreement.dismissed] if agreement else []
    lines = cash.lines if cash else []
    return [*shares, *((f"Cash, {line.currency}", line.currency, line.dismissed) for line in lines if line.dismissed)]


def _balance(portfolio_id: int, currency: str, amount: Decimal, on: date) -> str:
    """The form for money that was there before the first transaction."""
    return url_for(
        "transactions.new",
        portfolio_id=portfolio_id,
        type="DEPOSIT" if amount > 0 else "WITHDRAWAL",
        currency=currency,
        amount=format(amount, "f"),
        entry_date=on.isoformat(),
        description="Balance before the first transaction",
    )
