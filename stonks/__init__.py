"""Stonksfolio: a portfolio that keeps itself up to date."""

__version__ = "0.1.0"
