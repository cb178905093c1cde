"""Loads the product and makes one app of it, for the process that the tests' others are forked from: they begin with
modules, mappings and patterns in place. Connects to nothing."""

from __future__ import annotations

import gc
import tempfile

from sqlalchemy.orm import configure_mappers

import worker  # noqa: F401
from stonks import serve  # noqa: F401
from stonks.config import read_settings
from stonks.factory import create_app

with tempfile.TemporaryDirectory() as folder:
    create_app(read_settings({"STONKS_DATA": folder}))
configure_mappers()
gc.collect()
gc.freeze()  # a collection in a forked process would copy all of it
