"""The full guide to connecting a broker, readable without signing in."""

from __future__ import annotations

import re
from itertools import cycle

from flask import Blueprint, abort, render_template
from flask.typing import ResponseReturnValue
from markupsafe import Markup, escape

from stonks.services import services

blueprint = Blueprint("help", __name__)

_STARRED = re.compile(r"\*([^*\n]+)\*")


@blueprint.get("/help/<slug>")
def broker(slug: str) -> ResponseReturnValue:
    for one in services().brokers.values():
        if one.slug == slug:
            return render_template("help/broker.html", broker=one, guide=one.guide, settings=services().settings)
    abort(404)


@blueprint.app_template_filter()
def starred(text: str) -> Markup:
    """A guide's text with its *strong* spans."""
    return Markup("").join(
        Markup("<strong>{}</strong>").format(part) if strong else escape(part)
        for part, strong in zip(_STARRED.split(text), cycle((False, True)), strict=False)
    )
