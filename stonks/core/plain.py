"""Values of this house as plain JSON and back, by their types: named tuples, dates, decimals and words of a list."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints


def to_plain(value: Any) -> Any:
    """What json.dumps takes. A named tuple becomes an object by its field names, any other tuple a list."""
    if isinstance(value, tuple):
        if hasattr(value, "_fields"):
            return {name: to_plain(getattr(value, name)) for name in value._fields}
        return [to_plain(item) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    return value


def from_plain(kind: Any, plain: Any) -> Any:
    """The value of type `kind` that to_plain made this of. Raises ValueError when it was made of another shape."""
    if isinstance(kind, UnionType):
        if plain is None and NoneType in get_args(kind):
            return None
        kind = next(one for one in get_args(kind) if one is not NoneType)
    if get_origin(kind) is tuple:
        if not isinstance(plain, list):
            raise ValueError(f"a list was expected, not {type(plain).__name__}")
        return tuple(from_plain(get_args(kind)[0], item) for item in plain)
    if isinstance(kind, type) and issubclass(kind, tuple):
        hints = get_type_hints(kind)
        if not isinstance(plain, dict) or plain.keys() != hints.keys():
            raise ValueError(f"not the fields of {kind.__name__}")
        return kind(**{name: from_plain(hint, plain[name]) for name, hint in hints.items()})
    if kind is date:
        return date.fromisoformat(plain)
    if isinstance(kind, type) and issubclass(kind, Decimal | Enum):
        return kind(plain)
    if not isinstance(plain, kind):
        raise ValueError(f"{kind.__name__} was expected, not {type(plain).__name__}")
    return plain
