"""The pages: one module per noun, each with a `blueprint`."""

from __future__ import annotations

from typing import cast

from flask import Flask

from stonks import health
from stonks.services import Services
from stonks.web import (
    auth,
    connections,
    coverage,
    earnings,
    errors,
    filters,
    holdings,
    imports,
    numbers,
    overview,
    performance,
    portfolios,
    prices,
    reconciling,
    reviews,
    security,
    transactions,
)
from stonks.web import help as help_pages
from stonks.web.row_numbers import RowNumber

BLUEPRINTS = (
    auth.blueprint,
    portfolios.blueprint,
    overview.blueprint,
    holdings.blueprint,
    earnings.blueprint,
    performance.blueprint,
    reconciling.blueprint,
    prices.blueprint,
    transactions.blueprint,
    imports.blueprint,
    connections.blueprint,
    coverage.blueprint,
    reviews.blueprint,
    help_pages.blueprint,
    health.blueprint,
)


def init_app(app: Flask) -> None:
    app.url_map.converters["int"] = RowNumber
    security.init_app(app, cast(Services, app.extensions["stonks"]).settings)
    auth.init_app(app)
    filters.init_app(app)
    numbers.init_app(app)
    errors.init_app(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
