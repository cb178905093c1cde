"""One page, two faces: whole for a plain request, its fragment for htmx. Both render the same template part."""

from __future__ import annotations

from typing import Any

from flask import Response, make_response, redirect, render_template, request


def wants_fragment() -> bool:
    """Whether htmx asks for a part of the page, not for a page to put back into the history."""
    return request.headers.get("HX-Request") == "true" and "HX-History-Restore-Request" not in request.headers


def render(page: str, fragment: str, /, code: int = 200, **values: Any) -> Response:
    """`fragment` for htmx, else `page`, which includes the same file. Use code 422 for a form with errors."""
    return answer(render_template(fragment if wants_fragment() else page, **values), code)


def answer(content: str, code: int = 200) -> Response:
    """What was rendered elsewhere for the face that was asked for."""
    response = make_response(content, code)
    response.vary.add("HX-Request")
    return response


def unchanged() -> Response:
    """To a poll that would bring nothing new: nothing is swapped."""
    response = make_response("", 204)
    response.vary.add("HX-Request")
    return response


def go_to(address: str) -> Response:
    """Leave for another page: 303 after a plain POST. htmx would swap what a redirect leads to into its target, so it
    is told to load the page instead."""
    if wants_fragment():
        response = make_response("", 200)
        response.headers["HX-Redirect"] = address
    else:
        response = make_response(redirect(address, 303))
    response.vary.add("HX-Request")
    return response
