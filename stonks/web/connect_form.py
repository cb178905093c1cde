"""The connect form, made from a broker's own list of fields: no template and no view knows what a broker asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date

from stonks.brokers.contract import Broker, CredentialField
from stonks.core.errors import InvalidInput
from stonks.sync.views import ConnectionView

DATE_ORDERS = {"day": True, "month": False}  # which comes first in 03/04/2026


@dataclass(slots=True)
class ConnectForm:
    """What is in the form's fields and what is wrong with it. A typed secret is kept only for the request at hand:
    a page never sends one back."""

    broker: Broker
    credentials: dict[str, str] = field(repr=False)
    only_currency: str = ""
    token_expires_on: str = ""
    date_order: str = ""
    errors: dict[str, str] = field(default_factory=dict)
    retype: frozenset[str] = frozenset()  # names of secrets that were typed and have to be typed again

    @property
    def day_first(self) -> bool | None:
        return DATE_ORDERS.get(self.date_order)

    @property
    def expiry(self) -> date | None:
        """Raises InvalidInput for a text that is no date."""
        if not self.token_expires_on:
            return None
        try:
            return date.fromisoformat(self.token_expires_on)
        except ValueError:
            raise InvalidInput({"token_expires_on": "Write the date as year-month-day, like 2027-11-20."}) from None

    @contextmanager
    def beside_fields(self) -> Iterator[None]:
        """Keeps the sentences of an InvalidInput raised inside, to be shown beside the fields they name."""
        try:
            yield
        except InvalidInput as refusal:
            self.errors.update(refusal.fields)

    def shown_again(self, view: ConnectionView | None) -> ConnectForm:
        """The form as it goes back to the page: what was typed, without typed secrets; an unchanged mask stays."""
        masks = _masks(self.broker, view)
        typed = frozenset(
            one.name
            for one in self.broker.fields
            if one.secret and self.credentials.get(one.name) and self.credentials[one.name] != masks.get(one.name)
        )
        shown = {name: "" if name in typed else value for name, value in self.credentials.items()}
        return ConnectForm(
            self.broker, shown, self.only_currency, self.token_expires_on, self.date_order, self.errors, typed
        )

    def label_of(self, name: str) -> str:
        """What the page calls a field, for a list of what is wrong."""
        labels = {one.name: one.label for one in self.broker.fields}
        return labels.get(name, _OTHER_LABELS.get(name, ""))


_OTHER_LABELS = {"only_currency": "Only this currency", "token_expires_on": "Token expires"}


def from_connection(broker: Broker, view: ConnectionView | None) -> ConnectForm:
    """The form as it stands before anyone types: what is saved, with secrets masked."""
    if view is None or view.broker != broker.code:
        return ConnectForm(broker, {one.name: "" for one in broker.fields})
    masks = _masks(broker, view)
    values = {
        one.name: masks.get(one.name, "") if one.secret else view.public_fields.get(one.name, "")
        for one in broker.fields
    }
    orders = {first: word for word, first in DATE_ORDERS.items()}
    return ConnectForm(
        broker,
        values,
        view.only_currency or "",
        view.token_expires_on.isoformat() if view.token_expires_on else "",
        orders.get(view.day_first, "") if view.day_first is not None else "",
    )


def from_request(broker: Broker, sent: Mapping[str, str]) -> ConnectForm:
    return ConnectForm(
        broker,
        {one.name: _clean(one, sent.get(one.name, "")) for one in broker.fields},
        sent.get("only_currency", "").strip().upper(),
        sent.get("token_expires_on", "").strip(),
        sent.get("date_order", ""),
    )


def _clean(one: CredentialField, text: str) -> str:
    # One past the limit is enough to be told that it is too long.
    return text.strip()[: max(one.max_length, 100) + 1]


def _masks(broker: Broker, view: ConnectionView | None) -> dict[str, str]:
    if view is None or view.broker != broker.code or not view.mask:
        return {}
    return {one.name: view.mask for one in broker.fields if one.secret}
