"""A portfolio's transactions: the filtered, paged table, and adding, editing and deleting by hand."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from functools import lru_cache
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_required
from flask_wtf import FlaskForm
from markupsafe import Markup
from wtforms import DateField, SelectField, StringField
from wtforms.fields import SelectChoice
from wtforms.validators import DataRequired, Length, Optional

from stonks.core.typed import parse_number
from stonks.ledger import corrections, entries, exporting, figures, manual, portfolios
from stonks.ledger.entries import EntryFilter
from stonks.ledger.manual import ManualEntry
from stonks.ledger.tables import Entry
from stonks.services import services
from stonks.web import filters, htmx, numbers
from stonks.web.errors import beside
from stonks.web.filters import ORIGIN_WORDS, TYPE_WORDS
from stonks.web.number_field import NumberField
from stonks.web.pages import PortfolioPage, portfolio_page

blueprint = Blueprint("transactions", __name__, url_prefix="/portfolios/<int:portfolio_id>/transactions")
blueprint.add_app_template_filter(entries.net_amount, "net_amount")

FILTERS = ("symbol", "type", "first", "last", "origin")  # as they stand in an address
BY_HAND = (
    "BUY", "SELL", "DIVIDEND", "PAYMENT_IN_LIEU", "WITHHOLDING_TAX", "INTEREST", "FEE",
    "DEPOSIT", "WITHDRAWAL", "OTHER", "TRANSFER_IN", "TRANSFER_OUT", "OPENING",
)  # fmt: skip


def _choices(words: dict[str, str]) -> list[SelectChoice]:
    return [SelectChoice(code, label) for code, label in words.items()]


class FilterForm(FlaskForm):
    class Meta:
        csrf = False

    symbol = StringField("Symbol")
    type = SelectField("Type", choices=_choices({"": "All types"} | TYPE_WORDS), validate_choice=False)
    first = DateField("From", [Optional()])
    last = DateField("To", [Optional()])
    origin = SelectField("Origin", choices=_choices({"": "All origins"} | ORIGIN_WORDS), validate_choice=False)

    def wanted(self) -> EntryFilter:
        return EntryFilter(
            symbol=(self.symbol.data or "").strip() or None,
            type=self.type.data if self.type.data in TYPE_WORDS else None,
            first=self.first.data,
            last=self.last.data,
            origin=self.origin.data if self.origin.data in ORIGIN_WORDS else None,
        )


class EntryForm(FlaskForm):
    type = SelectField("Type", choices=_choices({code: TYPE_WORDS[code] for code in BY_HAND}))
    entry_date = DateField("Date", [DataRequired("Enter the date it happened.")])
    symbol = StringField("Symbol", [Length(max=64)])
    isin = StringField("ISIN", [Length(max=20)])
    quantity = NumberField("Quantity")
    price = NumberField("Price")
    commission = NumberField("Commission")
    amount = NumberField("Amount")
    currency = StringField("Currency", [DataRequired("Say in which currency, like USD.")])
    description = StringField("Note", [Length(max=500)])

    def entered(self) -> ManualEntry:
        return ManualEntry(
            type=self.type.data,
            entry_date=self.entry_date.data,
            symbol=(self.symbol.data or "").strip() or None,
            isin=(self.isin.data or "").strip().upper() or None,
            quantity=self.quantity.data,
            price=self.price.data,
            amount=self.amount.data,
            commission=-self.commission.data if self.commission.data else None,
            currency=(self.currency.data or "").strip().upper(),
            description=(self.description.data or "").strip() or None,
        )


@blueprint.app_template_filter()
def facts(entry: Entry) -> list[tuple[str, Any]]:
    """All that is told of an entry, in words."""
    told: tuple[tuple[str, Any], ...] = (
        ("Date", filters.day(entry.entry_date)),
        ("Executed", entry.executed_at and filters.moment(entry.executed_at)),
        ("Symbol", entry.symbol),
        ("ISIN", entry.isin),
        ("Description", entry.description),
        ("Quantity", numbers.quantity(entry.quantity)),
        ("Price", numbers.exact(entry.price, entry.currency)),
        ("Commission", numbers.exact(entry.commission, entry.commission_currency or entry.currency)),
        ("Taxes", numbers.exact(entry.taxes, entry.currency)),
        ("Amount", numbers.exact(entries.net_amount(entry), entry.currency)),
        _other_amount(entry),
        ("Account", entry.account),
        ("Origin", filters.origin_words(entry.origin)),
    )
    return [(words, value) for words, value in told if value]


def _other_amount(entry: Entry) -> tuple[str, Any]:
    if entry.type != manual.OPENING:
        return "Other leg", numbers.exact(entry.other_amount, entry.other_currency)
    cost = entry.other_amount
    return "Cost in all", "not known" if cost is None else numbers.exact(abs(cost), entry.currency)


@blueprint.get("")
@login_required
def index(portfolio_id: int) -> ResponseReturnValue:
    page = portfolio_page(portfolio_id)
    form = FilterForm(request.args)
    form.validate()
    wanted = form.wanted()
    found = entries.page(portfolio_id, wanted, after=request.args.get("after"), before=request.args.get("before"))
    return htmx.render(
        "transactions/index.html",
        "transactions/_entries.html",
        422 if form.errors else 200,
        page=page,
        filters=form,
        filtered=wanted != EntryFilter(),
        found=found,
        corrections=corrections.of_entries(portfolio_id, found.entries),
        places=_places(found.entries),
        symbols=() if htmx.wants_fragment() else _options(figures.symbols(portfolio_id)),
        address_with=lambda **cursor: _address_with(portfolio_id, **cursor),
    )


@blueprint.route("/new", methods=["GET", "POST"])
@login_required
def new(portfolio_id: int) -> ResponseReturnValue:
    page = portfolio_page(portfolio_id)
    today = services().clock().date()
    form = EntryForm(data={"entry_date": today, "currency": page.portfolio.base_currency} | _prefilled())
    if form.validate_on_submit():
        with beside(form):
            manual.add(portfolio_id, form.entered(), services().clock())
            return redirect(url_for("transactions.index", portfolio_id=portfolio_id), 303)
    return _form_page(page, form, None)


@blueprint.route("/<int:entry_id>/edit", methods=["GET", "POST"])
@login_required
def edit(portfolio_id: int, entry_id: int) -> ResponseReturnValue:
    page = portfolio_page(portfolio_id)
    entry = entries.get(portfolio_id, entry_id)
    form = EntryForm(data=_as_typed(entry))
    if entry.type not in BY_HAND:
        form.type.choices = _choices({entry.type: TYPE_WORDS.get(entry.type, entry.type)})
    if form.validate_on_submit():
        with beside(form):
            manual.edit(portfolio_id, entry_id, form.entered(), services().clock())
            return redirect(url_for("transactions.index", portfolio_id=portfolio_id), 303)
    return _form_page(page, form, entry)


@blueprint.post("/<int:entry_id>/delete")
@login_required
def delete(portfolio_id: int, entry_id: int) -> ResponseReturnValue:
    portfolios.get(current_user.id, portfolio_id)
    manual.remove(portfolio_id, entry_id, services().clock())
    return redirect(url_for("transactions.index", portfolio_id=portfolio_id), 303)


@blueprint.get("/export.csv")
@login_required
def export(portfolio_id: int) -> ResponseReturnValue:
    portfolio = portfolios.get(current_user.id, portfolio_id)
    response = Response("".join(exporting.export_csv(portfolio.id)), mimetype="text/csv")
    today = services().clock().date().isoformat()
    response.headers.set("Content-Disposition", "attachment", filename=f"stonksfolio-{portfolio.id}-{today}.csv")
    return response


def _form_page(page: PortfolioPage, form: EntryForm, entry: Entry | None) -> ResponseReturnValue:
    rendered = render_template(
        "transactions/form.html",
        page=page,
        form=form,
        entry=entry,
        correction=corrections.of_entries(page.portfolio.id, [entry]).get(entry.id) if entry else None,
        amendments=corrections.amendments_of(page.portfolio.id, entry.id) if entry else [],
    )
    return rendered, 422 if form.is_submitted() else 200


def _prefilled() -> dict[str, object]:
    """What a link says that is to be added, in the words of this form; what makes no sense is left out."""
    found: dict[str, object] = {
        name: request.args[name] for name in ("symbol", "isin", "currency", "description") if request.args.get(name)
    }
    if request.args.get("type") in BY_HAND:
        found["type"] = request.args["type"]
    with suppress(ValueError):
        found["entry_date"] = date.fromisoformat(request.args.get("entry_date", ""))
    for name in ("quantity", "amount"):
        with suppress(ValueError):
            found[name] = parse_number(request.args.get(name, ""))
    return found


def _as_typed(entry: Entry) -> dict[str, object]:
    fields = ("type", "entry_date", "symbol", "isin", "quantity", "price", "amount", "currency", "description")
    typed = {name: getattr(entry, name) for name in fields}
    typed["commission"] = None if entry.commission is None else -entry.commission
    if entry.type == manual.OPENING:
        typed["amount"] = None if entry.other_amount is None else abs(entry.other_amount)
    if entry.kind in ("TRADE", "FX"):
        typed["amount"] = None  # follows from quantity and price
    return typed


@lru_cache(maxsize=64)
def _options(symbols: tuple[str, ...]) -> Markup:
    return Markup("").join(Markup('<option value="{}"></option>').format(symbol) for symbol in symbols)


def _places(shown: list[Entry]) -> dict[str, int]:
    """The most decimal places in the columns whose points stand under each other."""
    quantities = [filters.quantity(entry.quantity) for entry in shown if entry.quantity is not None]
    prices = [filters.price(entry.price) for entry in shown if entry.price is not None]
    return {
        "quantity": max(map(filters.places, quantities), default=0),
        "price": max(map(filters.places, prices), default=0),
    }


def _address_with(portfolio_id: int, **cursor: Any) -> str:
    """This page's address with its filters and another cursor."""
    # Only the names known here: url_for takes others, like _scheme and _external, as orders.
    wanted: dict[str, Any] = {name: request.args[name] for name in FILTERS if request.args.get(name)}
    return url_for("transactions.index", portfolio_id=portfolio_id, **wanted, **cursor)
