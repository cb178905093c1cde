"""A connection's credentials at rest and on the page: sealed, opened, masked, named. Never in a repr or a log line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from stonks.brokers.contract import Broker
from stonks.core.errors import InvalidInput
from stonks.crypto import Vault

MASK_PREFIX = "••••••••••••"


def seal(vault: Vault, fields: Mapping[str, str], owner: str) -> bytes:
    return vault.seal(json.dumps(dict(fields), sort_keys=True).encode(), owner)


def opened(vault: Vault, sealed: bytes, owner: str) -> dict[str, str]:
    """Raises SecretUnreadable."""
    return {str(name): str(value) for name, value in json.loads(vault.open(sealed, owner)).items()}


@dataclass(frozen=True, slots=True)
class TestedAs:
    """What a connection test was started with; sealed as a whole, wiped when the test ends."""

    fields: dict[str, str] = field(repr=False)
    only_currency: str | None
    day_first: bool | None


def seal_test(vault: Vault, tested: TestedAs, portfolio_id: int) -> bytes:
    return vault.seal(json.dumps(asdict(tested)).encode(), f"test:{portfolio_id}")


def open_test(vault: Vault, sealed: bytes, portfolio_id: int) -> TestedAs:
    """Raises SecretUnreadable."""
    return TestedAs(**json.loads(vault.open(sealed, f"test:{portfolio_id}")))


def owner_of_connection(connection_id: int) -> str:
    return f"connection:{connection_id}"


def mask(secret: str) -> str:
    return MASK_PREFIX + secret[-4:]


def name_of(vault: Vault, broker_code: str, fields: Mapping[str, str]) -> str:
    """Stands for exactly these credentials: a statement fetched by a test is found again by it."""
    return vault.name_for(f"{broker_code}|{json.dumps(dict(fields), sort_keys=True)}")


def allowance_of(vault: Vault, broker: Broker, fields: Mapping[str, str]) -> str:
    return vault.name_for(broker.allowance_name(fields))


def public(broker: Broker, fields: Mapping[str, str]) -> dict[str, str]:
    return {one.name: fields.get(one.name, "") for one in broker.fields if not one.secret}


def unmasked(broker: Broker, given: Mapping[str, str], saved: Mapping[str, str] | None) -> dict[str, str]:
    """The fields as meant: an untouched mask stands for the saved secret."""
    fields = {one.name: given.get(one.name, "").strip() for one in broker.fields}
    for one in broker.fields:
        kept = (saved or {}).get(one.name, "")
        if one.secret and kept and fields[one.name] == mask(kept):
            fields[one.name] = kept
    return fields


def check(broker: Broker, fields: Mapping[str, str], only_currency: str | None) -> None:
    """Raises InvalidInput, a sentence for each field that cannot be meant so."""
    wrong = {
        one.name: f"Paste the {one.label}: the saved one is not there to keep."
        for one in broker.fields
        if one.secret and fields[one.name].startswith(MASK_PREFIX)
    }
    wrong = {**broker.check_shape(fields), **wrong}
    if only_currency is not None and not (
        len(only_currency) == 3 and only_currency.isascii() and only_currency.isupper() and only_currency.isalpha()
    ):
        wrong["only_currency"] = "Write a currency as three capital letters, like EUR, or leave it empty."
    if wrong:
        raise InvalidInput(wrong)
