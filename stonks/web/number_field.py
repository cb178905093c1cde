"""A form field for exact numbers as people type them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from wtforms import StringField

from stonks.core.typed import parse_number


class NumberField(StringField):
    """`data` is a Decimal, or None when left empty."""

    def process_formdata(self, valuelist: list[Any]) -> None:
        self.data = None
        text = str(valuelist[0]).strip() if valuelist else ""
        if text:
            try:
                self.data = parse_number(text)
            except ValueError as refusal:
                raise ValueError(str(refusal)) from None

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return format(self.data, "f") if isinstance(self.data, Decimal) else ""
