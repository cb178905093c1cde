"""What stands around the content of a portfolio's page: remembered in this process, as it is the same on most visits."""

from __future__ import annotations

from flask import current_app, render_template, request
from flask_login import current_user
from markupsafe import Markup

from stonks.ledger.kept import Kept
from stonks.web import security
from stonks.web.pages import PortfolioPage, my_portfolios

MOST_KEPT = 128  # frames, six kilobytes each
_PLACE = Markup("<!--content-->")  # no text of a person's has it: it would have been escaped


def around(template: str, page: PortfolioPage, content: str, heading: str = "") -> str:
    """`content` within `template`, which extends portfolio/frame.html and hangs on nothing else than these."""
    kept: Kept = current_app.extensions.setdefault("stonks_frames", Kept(MOST_KEPT))
    mine, portfolio = my_portfolios(), page.portfolio
    # All that the frame shows; the portfolio's name is among `mine`. The token is the session's own, so no two people
    # ever share one.
    key = (
        template, heading, request.script_root, current_user.id, current_user.email, security.csrf_token(),
        portfolio.id, portfolio.base_currency, page.chip, page.banners,
        *((one.id, one.name) for one in mine),
    )  # fmt: skip
    parts: tuple[str, str] | None = kept.get(key)
    if parts is None:
        before, _, after = render_template(template, page=page, heading=heading, content=_PLACE).partition(_PLACE)
        parts = before, after
        kept.put(key, parts)
    return f"{parts[0]}{content}{parts[1]}"
