"""Whether a page is fit for everyone: nothing that axe finds, and no sideways scrolling, narrow and dark as wide and light."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
# It describes element by element what passes too, unless told not to.
RUN = "axe.run({resultTypes: ['violations']}).then(result => result.violations)"


def on_a_phone(page: Page) -> None:
    """Narrow and dark: what pages are loaded in, where there is least room."""
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 360, "height": 800})


def views(page: Page) -> Iterator[str]:
    """Shows the page as it is on a phone at night, then on a desk by day."""
    on_a_phone(page)
    yield "narrow and dark"
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 800})
    yield "wide and light"


def complaints(page: Page) -> list[str]:
    """What is amiss with the page as it stands, in the view that it has."""
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(AXE)
    found = [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in page.evaluate(RUN)]
    sideways = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    return [*found, *(["scrolls sideways"] if sideways else [])]


def complaints_in_every_view(page: Page) -> list[str]:
    return [f"{view}: {one}" for view in views(page) for one in complaints(page)]
