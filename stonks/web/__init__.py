"""The pages: one module per noun, each with a `blueprint`."""

from __future__ import annotations

from typing import cast

from flask import Flask
from werkzeug.routing import IntegerConverter, Map

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


class RowNumber(IntegerConverter):
    """`<int:…>` in addresses: a number no row can have is an address that does not exist, not a database error."""

    def __init__(self, map: Map) -> None:
        super().__init__(map, max=2**31 - 1)


def init_app(app: Flask) -> None:
    app.url_map.converters["int"] = RowNumber
    security.init_app(app, cast(Services, app.extensions["stonks"]).settings)
    auth.init_app(app)
    filters.init_app(app)
    numbers.init_app(app)
    errors.init_app(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
