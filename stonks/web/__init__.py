"""The pages: one module per noun, each with a `blueprint`."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import cast

from flask import Blueprint, Flask

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


def init_app(app: Flask) -> None:
    from stonks.web import auth, errors, filters, security

    settings = cast(Services, app.extensions["stonks"]).settings
    security.init_app(app, settings)
    auth.init_app(app)
    filters.init_app(app)
    errors.init_app(app)
    for name in MODULES:
        if find_spec(name):
            blueprint: Blueprint = import_module(name).blueprint
            app.register_blueprint(blueprint)
