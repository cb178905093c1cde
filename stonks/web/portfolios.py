"""A user's portfolios: the list, making one, renaming and deleting it."""

from __future__ import annotations

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_required
from flask_wtf import FlaskForm
from wtforms import SelectField, StringField
from wtforms.fields import SelectChoice
from wtforms.validators import DataRequired, Length

from stonks.ledger import portfolios
from stonks.portfolio.lots import Method
from stonks.services import services
from stonks.web.errors import beside
from stonks.web.pages import portfolio_page, reminder_cookie, summaries

blueprint = Blueprint("portfolios", __name__)

# Offered, not demanded: any three-letter code is taken.
COMMON_CURRENCIES = (
    "USD",
    "EUR",
    "GBP",
    "CHF",
    "CAD",
    "AUD",
    "JPY",
    "SEK",
    "NOK",
    "DKK",
    "HKD",
    "SGD",
    "PLN",
    "CZK",
    "HUF",
)


class PortfolioForm(FlaskForm):
    name = StringField(
        "Name", [DataRequired("Give it a name."), Length(max=100, message="Use at most 100 characters.")]
    )
    base_currency = StringField(
        "Base currency", [DataRequired("Say which currency totals are shown in, like USD or EUR.")]
    )
    lot_method = SelectField(
        "Which lots a sale closes",
        choices=[
            SelectChoice(Method.FIFO.value, "First in, first out"),
            SelectChoice(Method.AVERAGE.value, "All of them, at average cost"),
        ],
        default=Method.FIFO.value,
    )

    @property
    def method(self) -> Method:
        return Method(self.lot_method.data)


class DeleteForm(FlaskForm):
    typed_name = StringField("Type the portfolio’s name")


@blueprint.get("/portfolios")
@login_required
def index() -> ResponseReturnValue:
    return render_template("portfolios/index.html", summaries=summaries(portfolios.list_for(current_user.id)))


@blueprint.route("/portfolios/new", methods=["GET", "POST"])
@login_required
def new() -> ResponseReturnValue:
    form = PortfolioForm()
    if form.validate_on_submit():
        with beside(form):
            name, currency = form.name.data or "", form.base_currency.data or ""
            portfolio = portfolios.create(current_user.id, name, currency, services().clock(), form.method)
            return redirect(url_for("overview.show", portfolio_id=portfolio.id), 303)
    page = render_template("portfolios/new.html", form=form, currencies=COMMON_CURRENCIES)
    return page, 422 if form.is_submitted() else 200


@blueprint.route("/portfolios/<int:portfolio_id>/edit", methods=["GET", "POST"])
@login_required
def edit(portfolio_id: int) -> ResponseReturnValue:
    page = portfolio_page(portfolio_id)
    form = PortfolioForm(obj=page.portfolio)
    if form.validate_on_submit():
        with beside(form):
            portfolios.rename(page.portfolio, form.name.data or "", form.base_currency.data or "", form.method)
            return redirect(url_for("connections.settings", portfolio_id=portfolio_id), 303)
    return _edit_page(page, form, DeleteForm(formdata=None)), 422 if form.is_submitted() else 200


@blueprint.get("/portfolios/<int:portfolio_id>/delete")
@login_required
def delete_again(portfolio_id: int) -> ResponseReturnValue:
    """The address of a refused deletion, opened anew."""
    portfolio_page(portfolio_id)
    return redirect(url_for("portfolios.edit", portfolio_id=portfolio_id), 303)


@blueprint.post("/portfolios/<int:portfolio_id>/delete")
@login_required
def delete(portfolio_id: int) -> ResponseReturnValue:
    """Everything of it goes, so its name has to be typed."""
    page = portfolio_page(portfolio_id)
    form = DeleteForm()
    if (form.typed_name.data or "").strip() == page.portfolio.name:
        portfolios.delete(page.portfolio)
        return redirect(url_for("portfolios.index"), 303)
    form.typed_name.errors = [f"Type “{page.portfolio.name}” to delete it. Nothing was deleted."]
    return _edit_page(page, PortfolioForm(formdata=None, obj=page.portfolio), form), 422


@blueprint.post("/portfolios/<int:portfolio_id>/dismiss")
@login_required
def dismiss(portfolio_id: int) -> ResponseReturnValue:
    """Puts a token reminder off until its next stage."""
    portfolio = portfolios.get(current_user.id, portfolio_id)
    response = make_response(redirect(url_for("overview.show", portfolio_id=portfolio.id), 303))
    reminder = request.form.get("reminder", "")[:20]
    name = reminder_cookie(portfolio.id)
    response.set_cookie(name, reminder, max_age=31 * 86400, httponly=True, samesite="Lax", secure=request.is_secure)
    return response


def _edit_page(page: object, form: PortfolioForm, delete_form: DeleteForm) -> str:
    return render_template(
        "portfolios/edit.html", page=page, form=form, delete_form=delete_form, currencies=COMMON_CURRENCIES
    )
