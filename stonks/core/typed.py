"""Numbers as people type them: 1500.55, 1 500,55, −3. What could mean two is asked about."""

from __future__ import annotations

import re
from decimal import Decimal

_SPACES = dict.fromkeys(map(ord, " \u00a0\u2009\u202f'’"), None)
_MINUSES = str.maketrans("\u2212\u2013", "--")


def parse_number(text: str) -> Decimal:
    """Raises ValueError with a sentence for the person who typed it."""
    typed = text.translate(_SPACES).translate(_MINUSES)
    if re.fullmatch(r"[+-]?\d{1,3},\d{3}", typed, re.ASCII):
        raise ValueError(f"{text.strip()} could mean two numbers. Write it without the comma, like 1500 or 1.5.")
    if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?", typed, re.ASCII):
        typed = typed.replace(",", "")
    elif re.fullmatch(r"[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+", typed, re.ASCII):
        typed = typed.replace(".", "").replace(",", ".")
    # With more digits before the point the product of two would leave no room for exact shares of it.
    if len(typed) > 40 or not re.fullmatch(r"[+-]?(\d{1,18}(\.\d*)?|\.\d+)", typed, re.ASCII):
        raise ValueError("Enter a number, like 1500.55.")
    return Decimal(typed)
