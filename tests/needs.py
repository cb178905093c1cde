"""What a machine may lack. A test that cannot run is skipped by name; under STONKS_TESTS_STRICT=1 the lack is a failure."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """End the running test (or fixture) because this machine has no `what`."""
    if os.environ.get("STONKS_TESTS_STRICT") == "1":
        pytest.fail(f"needs {what}, and STONKS_TESTS_STRICT=1 allows no skip", pytrace=False)
    pytest.skip(f"needs {what}")


def not_shipped(what: str) -> NoReturn:
    """End the running test because `what`, which is no part of the project, does not lie beside this copy. Never a failure."""
    pytest.skip(f"{what} not beside this copy of the project")
