"""What the transactions add up to against what the broker says."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from flask_login import login_required

from stonks.ledger import agreeing, folding
from stonks.web.pages import portfolio_page

blueprint = Blueprint("reconciling", __name__, url_prefix="/portfolios/<int:portfolio_id>/reconciliation")


@blueprint.get("")
@login_required
def show(portfolio_id: int) -> ResponseReturnValue:
    page = portfolio_page(portfolio_id)
    found = folding.folding(portfolio_id)
    return render_template(
        "reconciliation/page.html",
        page=page,
        agreement=agreeing.agreement(found, found.held()),
        instruments=found.instruments,
    )
