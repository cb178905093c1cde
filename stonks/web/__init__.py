"""The pages: one module per noun, each with a `blueprint`."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import cast

from flask import Blueprint, Flask
from werkzeug.routing import IntegerConverter, Map

from stonks.services import Services

MODULES = (
    "stonks.web.auth",
    "stonks.web.portfolios",
    "stonks.web.overview",
    "stonks.web.transactions",
    "stonks.web.imports",
    "stonks.web.connections",
    "stonks.web.reviews",
    "stonks.web.help",
    "stonks.health",
)


class RowNumber(IntegerConverter):
    """`<int:…>` in addresses: a number no row can have is an address that does not exist, not a database error."""

    def __init__(self, map: Map) -> None:
        super().__init__(map, max=2**31 - 1)


def init_app(app: Flask) -> None:
    from stonks.web import auth, errors, filters, security

    settings = cast(Services, app.extensions["stonks"]).settings
    app.url_map.converters["int"] = RowNumber
    security.init_app(app, settings)
    auth.init_app(app)
    filters.init_app(app)
    errors.init_app(app)
    for name in MODULES:
        if find_spec(name):
            blueprint: Blueprint = import_module(name).blueprint
            app.register_blueprint(blueprint)
