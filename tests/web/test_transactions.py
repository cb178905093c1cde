import csv
import html
import io
import re
from datetime import date
from decimal import Decimal

import pytest
from flask.testing import FlaskClient
from markupsafe import escape

from stonks.accounts import users
from stonks.ledger import entries, manual, portfolios
from stonks.ledger.entries import EntryFilter
from stonks.ledger.manual import ManualEntry
from stonks.ledger.tables import Portfolio
from stonks.web import numbers
from tests.statements import buy, statement

BUY = {
    "type": "BUY", "entry_date": "2026-11-18", "symbol": "MSFT", "isin": "us5949181045", "quantity": "4",
    "price": "508,11", "commission": "1.00", "currency": "usd", "amount": "", "description": "",
}  # fmt: skip


@pytest.fixture
def portfolio(mine: Portfolio) -> Portfolio:
    return mine


@pytest.fixture
def address(portfolio: Portfolio) -> str:
    return f"/portfolios/{portfolio.id}/transactions"


def dividends(portfolio: Portfolio, number: int, clock) -> None:
    for at in range(number):
        entered = ManualEntry("DIVIDEND", date(2026, 1 + at % 11, 1 + at % 28), "EUR", "SAP", amount=Decimal(at + 1))
        manual.add(portfolio.id, entered, clock.now)


def shown(page: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


def test_an_empty_table_says_how_transactions_get_here(signed_in: FlaskClient, address: str) -> None:
    page = signed_in.get(address).text
    assert "No transactions yet" in page
    assert "Connect a broker" in page


def test_a_trade_by_hand_is_read_as_typed_and_shown_exactly(
    signed_in: FlaskClient, address: str, portfolio: Portfolio
) -> None:
    answer = signed_in.post(f"{address}/new", data=BUY)
    assert (answer.status_code, answer.location) == (303, address)
    entry = entries.page(portfolio.id, EntryFilter()).entries[0]
    assert (entry.price, entry.commission, entry.isin) == (Decimal("508.11"), Decimal("-1.00"), "US5949181045")
    row = shown(signed_in.get(address).text)
    assert "18 Nov 2026 Buy" in row
    assert "−2 033.44 USD" in row


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"quantity": "1,500"}, "could mean two numbers"),
        ({"quantity": "many"}, "Enter a number"),
        ({"quantity": ""}, "Enter how many"),
        ({"entry_date": ""}, "Enter the date it happened."),
        ({"symbol": "", "isin": ""}, "Say what was traded"),
        ({"type": "DIVIDEND"}, "Enter the amount"),
    ],
)
def test_a_wrong_field_is_told_beside_it_and_nothing_typed_is_lost(
    signed_in: FlaskClient, address: str, portfolio: Portfolio, change: dict[str, str], sentence: str
) -> None:
    answer = signed_in.post(f"{address}/new", data=BUY | change)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert 'value="508,11"' in answer.text
    assert entries.page(portfolio.id, EntryFilter()).entries == []


def test_an_entry_is_corrected_and_deleted(signed_in: FlaskClient, address: str, portfolio: Portfolio) -> None:
    signed_in.post(f"{address}/new", data=BUY)
    entry = entries.page(portfolio.id, EntryFilter()).entries[0]
    form = signed_in.get(f"{address}/{entry.id}/edit").text
    assert 'value="508.11"' in form
    assert 'value="1.00"' in form
    assert signed_in.post(f"{address}/{entry.id}/edit", data=BUY | {"quantity": "5"}).status_code == 303
    assert entries.get(portfolio.id, entry.id).quantity == 5
    assert signed_in.post(f"{address}/{entry.id}/delete").status_code == 303
    assert "No transactions yet" in signed_in.get(address).text


def test_what_was_added_or_changed_is_told_once_and_leads_to_its_form(
    signed_in: FlaskClient, address: str, portfolio: Portfolio
) -> None:
    """It may stand many pages further down, as far back as its day is."""
    signed_in.post(f"{address}/new", data=BUY)
    entry = entries.page(portfolio.id, EntryFilter()).entries[0]
    page = signed_in.get(address).text
    assert "<strong>Added:</strong> Buy" in page
    assert f'class="button small" href="{address}/{entry.id}/edit">Edit' in page
    assert "Added:" not in signed_in.get(address).text
    signed_in.post(f"{address}/{entry.id}/edit", data=BUY | {"quantity": "5"})
    assert "<strong>Changed:</strong> Buy" in signed_in.get(address).text


def test_what_was_deleted_by_mistake_is_told_once_with_the_way_back(
    signed_in: FlaskClient, address: str, portfolio: Portfolio
) -> None:
    signed_in.post(f"{address}/new", data=BUY)
    by_hand = entries.page(portfolio.id, EntryFilter()).entries[0]
    form = signed_in.get(f"{address}/{by_hand.id}/edit").text
    signed_in.post(f"{address}/{by_hand.id}/delete")
    page = signed_in.get(address).text
    link = re.search(r'href="([^"]+)">Enter it again', page)
    assert link
    again = signed_in.get(html.unescape(link[1])).text
    typed = re.findall(r'<input[^>]+ name="(?!csrf)[^>]+ value="[^"]*"', form)
    assert typed == re.findall(r'<input[^>]+ name="(?!csrf)[^>]+ value="[^"]*"', again)
    assert "Enter it again" not in signed_in.get(address).text

    upload = {"statement": (io.BytesIO(statement([buy(1)])), "one.csv")}
    signed_in.post(f"/portfolios/{portfolio.id}/import", data=upload)
    imported = entries.page(portfolio.id, EntryFilter()).entries[0]
    signed_in.post(f"{address}/{imported.id}/delete")
    page = signed_in.get(address).text
    assert "<strong>Deleted:</strong> Buy AAPL" in page
    form = re.search(r'action="([^"]+/restore)">.*?name="back" value="([^"]+)"', page, re.DOTALL)
    assert form
    assert signed_in.post(form[1], data={"back": form[2]}).location == address
    assert entries.page(portfolio.id, EntryFilter()).entries == [imported]


def test_saving_what_was_deleted_meanwhile_says_so(signed_in: FlaskClient, address: str, portfolio: Portfolio) -> None:
    signed_in.post(f"{address}/new", data=BUY)
    editing = f"{address}/{entries.page(portfolio.id, EntryFilter()).entries[0].id}/edit"
    signed_in.post(editing.replace("edit", "delete"))
    answer = signed_in.post(editing, data=BUY, headers={"Referer": f"http://localhost{editing}"})
    assert answer.status_code == 404
    assert "deleted meanwhile" in answer.text
    assert "Back to the form" not in answer.text


def test_another_portfolios_entry_cannot_be_reached_through_ones_own(
    signed_in: FlaskClient, address: str, portfolio: Portfolio, clock
) -> None:
    stranger = users.create("other@example.com", "correct horse battery", clock.now)
    theirs = portfolios.create(stranger.id, "Not yours", "EUR", clock.now)
    entry = manual.add(theirs.id, ManualEntry("DEPOSIT", date(2026, 1, 1), "EUR", amount=Decimal(5)), clock.now)
    assert signed_in.get(f"{address}/{entry.id}/edit").status_code == 404
    assert signed_in.post(f"{address}/{entry.id}/edit", data=BUY).status_code == 404
    assert signed_in.post(f"{address}/{entry.id}/delete").status_code == 404
    assert entries.get(theirs.id, entry.id).amount == 5


def test_what_was_typed_never_becomes_markup_not_even_what_looks_like_our_own(
    signed_in: FlaskClient, address: str
) -> None:
    ours = str(numbers.exact(Decimal("-1.00"), "USD"))
    signed_in.post(f"{address}/new", data=BUY | {"symbol": "<b>'\"&", "description": ours})
    page = signed_in.get(address).text
    assert "<b>" not in page.lower()
    assert page.count("&lt;b&gt;&#39;&#34;&amp;") >= 3  # the row's head, its link and its detail
    assert (page.count(html.escape(ours)) + page.count(str(escape(ours)))) == 1
    assert page.count(f"<dd>{ours}</dd>") == 1  # the commission


def test_pages_hold_fifty_and_lead_to_older_and_newer_ones(
    signed_in: FlaskClient, address: str, portfolio: Portfolio, clock
) -> None:
    dividends(portfolio, 120, clock)
    seen: list[str] = []
    page = signed_in.get(address, query_string={"type": "DIVIDEND"}).text
    while True:
        seen += re.findall(r"\+(\d+\.00)", page)
        older = re.search(r'rel="next" href="([^"]+)"', page)
        if not older:
            break
        assert "type=DIVIDEND" in older[1]
        page = signed_in.get(html.unescape(older[1])).text
    assert sorted(set(seen), key=Decimal) == [f"{at}.00" for at in range(1, 121)]
    assert 'rel="prev"' in page


def test_a_strange_query_does_not_steer_the_links(
    signed_in: FlaskClient, address: str, portfolio: Portfolio, clock
) -> None:
    dividends(portfolio, 60, clock)
    page = signed_in.get(f"{address}?_scheme=javascript&_external=1&portfolio_id=7&after=%00.1&before=x").text
    assert signed_in.get(f"{address}?after=2026-01-01.{10**30}").status_code == 200
    older = re.search(r'rel="next" href="([^"]+)"', page)
    assert older
    assert re.fullmatch(rf"{address}\?after=[\d.-]+", older[1])


def test_filters_narrow_the_table_and_say_when_nothing_matches(
    signed_in: FlaskClient, address: str, portfolio: Portfolio, clock
) -> None:
    signed_in.post(f"{address}/new", data=BUY)
    dividends(portfolio, 3, clock)
    rows = {
        "symbol=msft": 1, "type=DIVIDEND": 3, "first=2026-11-01": 1, "last=2026-01-31": 1, "origin=manual": 4,
        "symbol=SAP&type=DIVIDEND&first=2026-02-01": 2,
    }  # fmt: skip
    for query, expected in rows.items():
        assert signed_in.get(f"{address}?{query}").text.count('<td class="sub">') == expected, query
    assert "Nothing matches" in signed_in.get(f"{address}?symbol=NONE").text


def test_a_date_that_is_none_is_told_beside_its_field(signed_in: FlaskClient, address: str) -> None:
    answer = signed_in.get(f"{address}?first=yesterday")
    assert answer.status_code == 422
    assert "Not a valid date" in answer.text


def test_days_the_wrong_way_round_are_told_beside_the_field_and_in_the_fragment(
    signed_in: FlaskClient, address: str
) -> None:
    signed_in.post(f"{address}/new", data=BUY)
    query = f"{address}?first=2026-11-20&last=2026-11-01"
    for headers in ({}, {"HX-Request": "true"}):
        answer = signed_in.get(query, headers=headers)
        assert answer.status_code == 422
        assert 'data-field="last">The last day must not come before the first.' in answer.text
        assert "Widen the dates" not in answer.text
    assert 'id="last-error">The last day must not come before' in signed_in.get(query).text


def test_htmx_gets_the_table_alone(signed_in: FlaskClient, address: str) -> None:
    fragment = signed_in.get(address, headers={"HX-Request": "true"})
    assert fragment.text.lstrip().startswith('<div id="entries"')
    assert 'data-told="Nothing matches."' in fragment.text
    assert "<html" not in fragment.text
    assert "HX-Request" in fragment.headers["Vary"]
    restored = signed_in.get(address, headers={"HX-Request": "true", "HX-History-Restore-Request": "true"})
    assert "<html" in restored.text


def test_the_export_is_a_download_that_defuses_formulas(signed_in: FlaskClient, address: str) -> None:
    signed_in.post(f"{address}/new", data=BUY | {"description": "=HYPERLINK(1)"})
    answer = signed_in.get(f"{address}/export.csv")
    assert answer.mimetype == "text/csv"
    assert re.fullmatch(r"attachment; filename=stonksfolio-\d+-2026-11-20\.csv", answer.headers["Content-Disposition"])
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 1
    assert not any(cell.startswith("=") for cell in rows[0].values())


CORRECTED = [
    "AAPL,US0378331005,7,20251103,BUY,10,189.50,-1.00,USD",
    "AAPL,US0378331005,,20251103,BUY (Ca.),-10,189.50,0,USD",
    "AAPL,US0378331005,7,20251103,BUY,10,188.25,0,USD",
]


@pytest.fixture
def corrected(signed_in: FlaskClient, portfolio: Portfolio) -> str:
    """The address of a portfolio with one trade that was taken back and booked again at another price."""
    address = f"/portfolios/{portfolio.id}"
    signed_in.post(f"{address}/import", data={"statement": (io.BytesIO(statement(CORRECTED)), "year.csv")})
    return address


def rows(page: str) -> list[str]:
    """The rows with a price of Apple's, marked up, as they stand."""
    return [row for row in re.findall(r"<tr.*?</tr>", page, re.DOTALL) if "188.25" in row or "189.50" in row]


@pytest.mark.parametrize("where", ["transactions", "review"])
def test_a_corrected_trade_is_told_as_one_story_and_not_as_three(
    signed_in: FlaskClient, corrected: str, where: str
) -> None:
    found = rows(signed_in.get(f"{corrected}/{where}").text)
    tags = [re.findall(r'class="tag narrow-only">([^<]+)<', row)[0] for row in found]
    assert sorted(tags) == ["cancellation", "cancelled", "corrected"]
    assert [tag for tag, row in zip(tags, found, strict=True) if "taken-back" not in row] == ["corrected"]
    story = shown(found[tags.index("corrected")])
    assert "history of Buy AAPL, 3 Nov 2025" in story
    assert story.index("First booked") < story.index("Cancelled") < story.index("Booked again (this row)")
    assert re.search(r"First booked 10 × 189.50 , .1 896.00 USD , 3 Nov 2025 received", story)


def test_a_trade_that_was_never_corrected_has_no_tag(signed_in: FlaskClient, address: str) -> None:
    signed_in.post(f"{address}/new", data=BUY)
    page = signed_in.get(address).text
    assert 'class="tag' not in page
    assert "taken-back" not in page


def test_the_instrument_and_the_edit_page_tell_the_correction_too(signed_in: FlaskClient, corrected: str) -> None:
    page = signed_in.get(f"{corrected}/instruments/US0378331005/USD").text
    assert sorted(re.findall(r'class="tag">([^<]+)<', page)) == ["cancellation", "cancelled", "corrected"]
    edit = re.findall(r'href="([^"]+/edit)"', signed_in.get(f"{corrected}/transactions").text)[0]
    assert "How it was corrected" in signed_in.get(edit).text


def test_what_a_later_statement_told_otherwise_is_on_the_edit_page(signed_in: FlaskClient, corrected: str) -> None:
    later = [row.replace("-1.00", "-0.85") for row in CORRECTED]
    signed_in.post(f"{corrected}/import", data={"statement": (io.BytesIO(statement(later)), "later.csv")})
    pages = [
        signed_in.get(edit).text
        for edit in set(re.findall(r'href="([^"]+/edit)"', signed_in.get(f"{corrected}/transactions").text))
    ]
    told = [shown(page) for page in pages if "Told differently" in page]
    assert len(told) == 1
    assert "→ -0.85, " in told[0]


def test_a_link_fills_in_an_opening_entry_and_what_it_says_wrongly_is_left_out(
    signed_in: FlaskClient, address: str, portfolio: Portfolio
) -> None:
    told = "type=OPENING&symbol=AAPL&isin=US0378331005&quantity=4.5&amount=810&currency=EUR&entry_date=2024-12-31"
    form = signed_in.get(f"{address}/new?{told}").text
    assert '<option selected value="OPENING">' in form
    for value in ("AAPL", "US0378331005", "4.5", "810", "EUR", "2024-12-31"):
        assert f'value="{value}"' in form
    odd = signed_in.get(f"{address}/new?type=GIFT&quantity=some&entry_date=soon&amount=")
    assert odd.status_code == 200
    assert 'value="some"' not in odd.text


def test_an_opening_entry_by_hand_keeps_its_cost_through_the_form(
    signed_in: FlaskClient, address: str, portfolio: Portfolio
) -> None:
    signed_in.post(f"{address}/new", data=BUY | {"type": "OPENING", "amount": "2000", "price": ""})
    entry = entries.page(portfolio.id, EntryFilter()).entries[0]
    assert (entry.amount, entry.other_amount, entry.commission) == (None, Decimal(2000), None)
    form = signed_in.get(f"{address}/{entry.id}/edit").text
    assert 'value="2000"' in form
    assert "Cost in all 2 000 USD" in shown(form).replace("\u2009", " ")
    assert "Opening entry" in shown(signed_in.get(address).text)
