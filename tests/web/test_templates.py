"""What every template keeps to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stonks.config import ROOT

TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
NO_OUTPUT = re.compile(r"{#.*?#}|{% macro .*?{% endmacro %}|{% (from|set) .*?%}", re.DOTALL)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_macros_stand_in_files_of_their_own(template: Path) -> None:
    """A macro among what is rendered holds the rendering, and with it all that the page was made of, until the garbage
    collector comes: of a page of transactions, 160 objects."""
    source = template.read_text()
    if "{% macro" in source:
        assert NO_OUTPUT.sub("", source).strip() == ""
