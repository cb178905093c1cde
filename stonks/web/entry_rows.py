"""The rows of the transactions table. In Python and not in a template: fifty rows of a dozen cells took most of the
page's time there. Whatever a statement or a person wrote passes through `escape`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from flask import get_template_attribute
from markupsafe import Markup, escape

from stonks.ledger import entries, manual
from stonks.ledger.corrections import Correction
from stonks.ledger.entries import Line
from stonks.web import filters, numbers

Fact = tuple[str, Any]


def rows(shown: Sequence[Line], corrections: Mapping[int, Correction], address: str) -> Markup:
    """`address` is the table's own, which those of its entries begin with."""
    beginning = str(escape(address))
    quantity_places = _most_places(filters.plain, (entry.quantity for entry in shown))
    price_places = _most_places(filters.price, (entry.price for entry in shown))
    return Markup("".join(  # noqa: S704  (of parts that were escaped)
        [
            _row(entry, corrections.get(entry.id), f"{beginning}/{entry.id}/edit", quantity_places, price_places)
            for entry in shown
        ]
    ))  # fmt: skip


def facts(entry: Line) -> list[Fact]:
    """All that is told of an entry, in words."""
    told: tuple[Fact, ...] = (
        ("Date", filters.day(entry.entry_date)),
        ("Symbol", entry.symbol),
        ("Quantity", numbers.quantity(entry.quantity)),
        ("Price", numbers.exact(entry.price, entry.currency)),
        ("Amount", numbers.exact(entries.net_amount(entry), entry.currency)),
    )
    return [(words, value) for words, value in told if value] + rest(entry)


def rest(entry: Line) -> list[Fact]:
    """What the two lines of a narrow row do not say."""
    told: tuple[Fact, ...] = (
        ("Executed", entry.executed_at and filters.moment(entry.executed_at)),
        ("ISIN", entry.isin),
        ("Description", entry.description),
        ("Commission", numbers.exact(entry.commission, entry.commission_currency or entry.currency)),
        ("Taxes", numbers.exact(entry.taxes, entry.currency)),
        _other_amount(entry),
        ("Account", entry.account),
        ("Origin", filters.origin_words(entry.origin)),
    )
    return [(words, value) for words, value in told if value]


def _other_amount(entry: Line) -> Fact:
    if entry.type != manual.OPENING:
        return "Other leg", numbers.exact(entry.other_amount, entry.other_currency)
    cost = entry.other_amount
    return "Cost in all", "not known" if cost is None else numbers.exact(abs(cost), entry.currency)


def _row(entry: Line, correction: Correction | None, edit: str, quantity_places: int, price_places: int) -> str:
    kind, symbol = _escaped(filters.type_words(entry.type)), _escaped(entry.symbol or "")
    name = f"{kind} {symbol}, {filters.day_text(entry.entry_date)}"
    lead = f'<th scope="row" class="lead">{symbol}</th>' if symbol else '<td class="lead"></td>'
    tag = _tag(correction, entry, Markup(name)) if correction or entry.cancels else ""  # noqa: S704
    steps = _steps(correction, entry) if correction else ""
    commission = entry.commission
    charged_in = entry.commission_currency or entry.currency
    charged = numbers.money(commission, charged_in, show_currency=charged_in != entry.currency) if commission else ""
    second = str(numbers.quantity(entry.quantity))
    if entry.quantity is not None and entry.price is not None:
        second = f"{second} × {numbers.price(entry.price, entry.currency)}"
    told = "".join([f"<dt>{words}</dt><dd>{_escaped(value)}</dd>" for words, value in rest(entry)])
    taken_back = ' class="taken-back"' if correction and correction.taken_back else ""
    return (
        f'<tr{taken_back}><td class="sub">{filters.day(entry.entry_date)}</td><td class="type">{kind} {tag}</td>{lead}'
        f'<td class="muted spare">{_escaped(entry.isin or "")}</td>'
        f'<td class="right">{numbers.quantity(entry.quantity, quantity_places)}</td>'
        f'<td class="right">{numbers.price(entry.price, entry.currency, align=price_places)}</td>'
        f'<td class="right spare">{charged}</td>'
        f'<td class="right figure">{numbers.signed(entries.net_amount(entry), entry.currency)}</td>'
        f'<td class="muted spare">{_escaped(filters.origin_words(entry.origin))}</td>'
        f'<td class="second narrow-only">{second}</td>'
        f'<td class="action"><a href="{edit}" aria-label="Edit {name}">Edit</a></td>'
        f'<td class="more"><details><summary aria-label="More about {name}"></summary>'
        f'<div><dl class="facts">{told}</dl>{steps}</div></details></td></tr>\n'
    )


def _tag(correction: Correction | None, entry: Line, name: Markup) -> str:
    return str(get_template_attribute("transactions/_correction.html", "tag")(correction, entry, name))


def _steps(correction: Correction, entry: Line) -> str:
    return str(get_template_attribute("transactions/_correction.html", "steps")(correction, entry))


@lru_cache(maxsize=8192, typed=True)  # typed: what is marked up already equals the same characters that are not
def _escaped(text: Any) -> str:
    return str(escape(text))


def _most_places(words: Any, values: Any) -> int:
    """Of the figures in a column whose points stand under each other."""
    return max((_places(words, value) for value in values if value is not None), default=0)


@lru_cache(maxsize=4096)
def _places(words: Any, value: Any) -> int:
    return filters.places(words(value))
