"""A portfolio's transactions: the filtered, paged table, and adding, editing and deleting by hand."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_required
from flask_wtf import FlaskForm
from markupsafe import Markup
from wtforms import DateField, SelectField, StringField
from wtforms.fields import SelectChoice
from wtforms.validators import DataRequired, Length

from stonks.core.typed import parse_number
from stonks.ledger import corrections, entries, exporting, figures, manual, portfolios
from stonks.ledger.entries import EntryFilter
from stonks.ledger.figures import OfEntries
from stonks.ledger.manual import ManualEntry
from stonks.ledger.tables import Entry
from stonks.services import services
from stonks.web import entry_filter, entry_rows, frame, htmx, notices
from stonks.web.entry_filter import Asked
from stonks.web.errors import beside
from stonks.web.filters import TYPE_WORDS
from stonks.web.number_field import NumberField
from stonks.web.pages import PortfolioPage, portfolio_page

blueprint = Blueprint("transactions", __name__, url_prefix="/portfolios/<int:portfolio_id>/transactions")
blueprint.add_app_template_filter(entries.net_amount, "net_amount")
blueprint.add_app_template_filter(entry_rows.facts)

BY_HAND = (
    "BUY", "SELL", "DIVIDEND", "PAYMENT_IN_LIEU", "WITHHOLDING_TAX", "INTEREST", "FEE",
    "DEPOSIT", "WITHDRAWAL", "OTHER", "TRANSFER_IN", "TRANSFER_OUT", "OPENING",
)  # fmt: skip


def _choices(words: dict[str, str]) -> list[SelectChoice]:
    return [SelectChoice(code, label) for code, label in words.items()]


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


@blueprint.get("")
@login_required
def index(portfolio_id: int) -> ResponseReturnValue:
    page = portfolio_page(portfolio_id)
    filters = entry_filter.asked(request.args)
    template = "transactions/_entries.html" if htmx.wants_fragment() else "transactions/_content.html"
    cursors = request.args.get("after"), request.args.get("before")
    known = figures.OfEntries(page.portfolio)
    content = known.remembered(
        (template, page.connected, *filters.typed.values(), *cursors),
        lambda: _content(template, page, filters, known, *cursors),
    )
    if htmx.wants_fragment():
        shown: str = content
    else:
        shown = frame.around("transactions/index.html", page, notices.notice(portfolio_id) + content)
    return htmx.answer(shown, 422 if filters.errors else 200)


def _content(
    template: str, page: PortfolioPage, filters: Asked, known: OfEntries, after: str | None, before: str | None
) -> Markup:
    portfolio_id, wanted = page.portfolio.id, filters.wanted
    found = entries.page(portfolio_id, wanted, after=after, before=before)
    cancelled_on = known.remembered(("cancels",), lambda: corrections.days_of_cancels(portfolio_id))
    address = url_for("transactions.index", portfolio_id=portfolio_id)
    made = render_template(
        template,
        page=page,
        filters=filters,
        filtered=wanted != EntryFilter(),
        found=found,
        address=address,
        rows=entry_rows.rows(found.entries, corrections.of_entries(portfolio_id, found.entries, cancelled_on), address),
        symbols=lambda: known.remembered(("symbols",), lambda: _symbols(portfolio_id)),
        address_with=lambda **cursor: _address_with(portfolio_id, **cursor),
    )
    return Markup(made)  # noqa: S704  (what a template made)


def _symbols(portfolio_id: int) -> Markup:
    return entry_filter.symbol_options(entries.symbols(portfolio_id))


@blueprint.route("/new", methods=["GET", "POST"])
@login_required
def new(portfolio_id: int) -> ResponseReturnValue:
    page = portfolio_page(portfolio_id)
    today = services().clock().date()
    form = EntryForm(data={"entry_date": today, "currency": page.portfolio.base_currency} | _prefilled())
    if form.validate_on_submit():
        with beside(form):
            added = manual.add(portfolio_id, form.entered(), services().clock())
            notices.remember(notices.saved(added, "Added"))
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
            changed = manual.edit(portfolio_id, entry_id, form.entered(), services().clock())
            notices.remember(notices.saved(changed, "Changed"))
            return redirect(url_for("transactions.index", portfolio_id=portfolio_id), 303)
    return _form_page(page, form, entry)


@blueprint.post("/<int:entry_id>/delete")
@login_required
def delete(portfolio_id: int, entry_id: int) -> ResponseReturnValue:
    portfolios.get(current_user.id, portfolio_id)
    entry = entries.get(portfolio_id, entry_id)
    if entry.origin == "manual":
        notice = notices.deleted(entry, _as_text(entry))
    else:
        notice = notices.discarded(entry, "Deleted", "transactions")
    manual.remove(portfolio_id, entry_id, services().clock())
    notices.remember(notice)
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
    for name in ("quantity", "price", "commission", "amount"):
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


def _as_text(entry: Entry) -> dict[str, str]:
    """As `_prefilled` takes it."""
    typed = {name: value for name, value in _as_typed(entry).items() if value is not None}
    return {name: format(value, "f") if isinstance(value, Decimal) else str(value) for name, value in typed.items()}


def _address_with(portfolio_id: int, **cursor: Any) -> str:
    """This page's address with its filters and another cursor."""
    # Only the names known here: url_for takes others, like _scheme and _external, as orders.
    wanted: dict[str, Any] = {name: request.args[name] for name in entry_filter.NAMES if request.args.get(name)}
    return url_for("transactions.index", portfolio_id=portfolio_id, **wanted, **cursor)
