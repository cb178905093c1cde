import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from stonks.brokers.errors import BrokerError, FailureKind
from stonks.db import db, transaction
from stonks.ledger.tables import Portfolio
from stonks.sync.tables import Connection, SyncRun
from stonks.web.security import limiter
from tests.statements import buy, dividend, statement
from tests.web.paper_broker import PaperBroker

TYPED = {"broker": "paper", "login": "ada", "secret": "s3cret-on-paper-4321"}
YEAR = statement([buy(1), buy(2, "20251110"), buy(3, "20251117")], [dividend(11)])
FRAGMENT = {"HX-Request": "true"}
Work = Callable[[], None]


@pytest.fixture(autouse=True)
def _paper_only(paper: PaperBroker) -> None:
    paper.statement = YEAR


def settings_of(portfolio: Portfolio) -> str:
    return f"/portfolios/{portfolio.id}/settings"


def save(client: FlaskClient, portfolio: Portfolio, **changes: str) -> int:
    return client.post(settings_of(portfolio) + "/save", data={**TYPED, **changes}).status_code


def start_test(client: FlaskClient, portfolio: Portfolio, **changes: str) -> str:
    answer = client.post(settings_of(portfolio) + "/test", data={**TYPED, **changes}, headers=FRAGMENT)
    assert answer.status_code == 200
    return answer.text


def test_the_form_and_the_guide_are_the_broker_s_own(signed_in: FlaskClient, mine: Portfolio) -> None:
    page = signed_in.get(settings_of(mine)).text
    assert '<label for="login">Paper login</label>' in page
    assert '<label for="secret">Paper secret</label>' in page
    assert 'data-copy="Paper &amp; ink"' in page
    assert "Copy &lt;these&gt; names:" in page
    assert "<strong>paper</strong>" in page
    assert "burn the envelope" in page
    assert "Flex" not in page
    assert "Not connected" in page


def test_another_person_s_connection_does_not_exist(signed_in: FlaskClient, anothers: Portfolio) -> None:
    for path in ("/settings", "/status", "/settings/test/1"):
        assert signed_in.get(f"/portfolios/{anothers.id}{path}").status_code == 404
    for path in ("/settings/save", "/settings/test", "/sync"):
        assert signed_in.post(f"/portfolios/{anothers.id}{path}", data=TYPED).status_code == 404


def test_a_test_of_another_portfolio_is_not_shown(
    signed_in: FlaskClient, mine: Portfolio, anothers: Portfolio, work: Work
) -> None:
    start_test(signed_in, mine)
    run = db.session.scalars(db.select(SyncRun)).one()
    with transaction():
        run.portfolio_id = anothers.id
    assert signed_in.get(f"{settings_of(mine)}/test/{run.id}", headers=FRAGMENT).status_code == 404


def test_saving_starts_the_first_sync_and_the_secret_is_only_a_mask_from_then_on(
    signed_in: FlaskClient, mine: Portfolio, work: Work
) -> None:
    assert save(signed_in, mine) == 303
    page = signed_in.get(settings_of(mine)).text
    assert "hx-trigger" in page.split('id="connect"')[0]
    work()
    page = signed_in.get(settings_of(mine)).text
    assert TYPED["secret"] not in page
    assert "4321" in page
    assert 'value="ada"' in page
    assert "Connected" in page
    assert "4 new, 0 known" in page
    assert "hx-trigger" not in page.split('id="connect"')[0]


def test_the_status_fragment_brings_the_banner_when_the_sync_is_through(
    signed_in: FlaskClient, mine: Portfolio, work: Work
) -> None:
    save(signed_in, mine)
    address = f"/portfolios/{mine.id}/status"
    first = signed_in.get(address, headers=FRAGMENT)
    assert "<html" not in first.text
    work()
    last = signed_in.get(address, headers=FRAGMENT).text
    assert 'id="banners" hx-swap-oob="true"' in last
    assert "Review" in last
    assert "hx-trigger" not in last


def test_a_poll_that_would_bring_nothing_new_is_answered_with_nothing(signed_in: FlaskClient, mine: Portfolio) -> None:
    save(signed_in, mine)
    fragment = signed_in.get(f"/portfolios/{mine.id}/status", headers=FRAGMENT).text
    poll = fragment.split('hidden hx-get="')[1].split('"')[0]
    assert signed_in.get(poll, headers=FRAGMENT).status_code == 204


def test_sync_now_says_what_came_and_refuses_without_a_connection(
    signed_in: FlaskClient, mine: Portfolio, work: Work
) -> None:
    refused = signed_in.post(f"/portfolios/{mine.id}/sync", headers=FRAGMENT)
    assert refused.status_code == 422
    save(signed_in, mine)
    work()
    assert signed_in.post(f"/portfolios/{mine.id}/sync", headers=FRAGMENT).status_code == 200
    work()
    assert "0 new, 4 known" in signed_in.get(settings_of(mine)).text


def test_the_history_tells_when_why_how_long_and_how_each_ended(
    signed_in: FlaskClient, mine: Portfolio, paper: PaperBroker, work: Work
) -> None:
    start_test(signed_in, mine)
    work()
    save(signed_in, mine)
    work()
    paper.failure = BrokerError(FailureKind.NOT_NOW, "P-1", "The post is on strike.", remedy="Wait for it to end.")
    signed_in.post(f"/portfolios/{mine.id}/sync", headers=FRAGMENT)
    work()
    history = signed_in.get(settings_of(mine)).text.split('<table class="table runs">')[1].split("</table>")[0]
    newest, first, test = history.split("<tr>")[2:]
    for row, why, end in (
        (newest, "<td>Sync now</td>", "The post is on strike. Wait for it to end."),
        (first, "<td>First sync</td>", "4 new, 0 known"),
        (test, "<td>Test</td>", "It works: 3 trades and 1 cash transaction, nothing stored"),
    ):
        assert why in row
        assert end in row
        assert re.search(r'<td class="right">\d+ (s|min)', row)
        assert "20 Nov 2026" in row.replace("\u00a0", " ")


def test_an_emptied_secret_disconnects_and_the_page_says_how_to_revoke(
    signed_in: FlaskClient, mine: Portfolio, work: Work
) -> None:
    save(signed_in, mine)
    work()
    assert save(signed_in, mine, secret="") == 303
    page = signed_in.get(settings_of(mine)).text
    assert "Disconnected" in page
    assert "revoke" in page
    assert db.session.scalars(db.select(Connection.sealed_credentials)).one() is None


def test_an_emptied_secret_disconnects_whatever_else_the_form_says(
    signed_in: FlaskClient, mine: Portfolio, work: Work
) -> None:
    save(signed_in, mine)
    work()
    wrong = {"only_currency": "EURO?", "token_expires_on": "next spring"}
    assert save(signed_in, mine, **wrong) == 422
    assert db.session.scalars(db.select(Connection.sealed_credentials)).one() is not None
    assert save(signed_in, mine, secret="", **wrong) == 303
    db.session.expire_all()
    assert db.session.scalars(db.select(Connection.sealed_credentials)).one() is None


def test_an_unchanged_mask_keeps_the_secret(signed_in: FlaskClient, mine: Portfolio, work: Work) -> None:
    save(signed_in, mine)
    work()
    page = signed_in.get(settings_of(mine)).text
    mask = page.split('id="secret" name="secret" type="text" value="')[1].split('"')[0]
    assert save(signed_in, mine, secret=mask, only_currency="usd") == 303
    page = signed_in.get(settings_of(mine)).text
    assert mask in page
    assert 'value="USD"' in page


@pytest.mark.parametrize("action", ["save", "test"])
def test_a_wrong_shape_keeps_what_was_typed_but_never_the_secret(
    signed_in: FlaskClient, mine: Portfolio, action: str
) -> None:
    answer = signed_in.post(f"{settings_of(mine)}/{action}", data={**TYPED, "login": "ada99", "only_currency": "eur"})
    assert answer.status_code == 422
    assert "A paper login has letters only." in answer.text
    assert 'value="ada99"' in answer.text
    assert 'value="EUR"' in answer.text
    assert TYPED["secret"] not in answer.text
    assert "Paste it again" in answer.text


def test_a_date_that_is_none_is_said_beside_its_field(signed_in: FlaskClient, mine: Portfolio) -> None:
    answer = signed_in.post(settings_of(mine) + "/save", data={**TYPED, "token_expires_on": "soon"})
    assert answer.status_code == 422
    assert 'id="token_expires_on-error"' in answer.text


def test_a_refused_test_names_the_field_and_leaves_the_form_alone(signed_in: FlaskClient, mine: Portfolio) -> None:
    answer = signed_in.post(settings_of(mine) + "/test", data={**TYPED, "login": "9"}, headers=FRAGMENT)
    assert answer.status_code == 422
    assert '<a href="#login">Paper login</a>: A paper login has letters only.' in answer.text
    assert "<form" not in answer.text


def test_a_test_shows_itself_under_way_and_then_what_it_found(
    signed_in: FlaskClient, mine: Portfolio, work: Work
) -> None:
    under_way = start_test(signed_in, mine)
    poll = under_way.split('hx-get="')[1].split('"')[0]
    work()
    found = signed_in.get(poll, headers=FRAGMENT).text
    assert "Connected: 3 trades and 1 dividend, 2025-11-03 to 2025-11-17</strong>." in found
    assert "This statement will be your first import." in found
    assert "hx-get" not in found
    assert TYPED["secret"] not in found


@pytest.mark.parametrize("meaning", ["The paper secret is invalid.", "The paper secret is invalid (code P-15)."])
def test_a_failed_test_gives_the_code_once_the_meaning_and_the_remedy(
    signed_in: FlaskClient, mine: Portfolio, paper: PaperBroker, work: Work, meaning: str
) -> None:
    paper.failure = BrokerError(FailureKind.CREDENTIALS, "P-15", meaning, remedy="Open another envelope.")
    poll = start_test(signed_in, mine).split('hx-get="')[1].split('"')[0]
    work()
    found = signed_in.get(poll, headers=FRAGMENT).text
    for words in (meaning, "Open another envelope."):
        assert words in found
    assert found.count("P-15") == 1
    assert "Connected:" not in found


def test_a_failed_test_says_that_nothing_was_changed_and_hides_our_own_name_for_the_trouble(
    signed_in: FlaskClient, mine: Portfolio, paper: PaperBroker, work: Work
) -> None:
    paper.failure = BrokerError(FailureKind.UNREADABLE, "http-404", "The post office is gone.")
    poll = start_test(signed_in, mine).split('hx-get="')[1].split('"')[0]
    work()
    found = " ".join(signed_in.get(poll, headers=FRAGMENT).text.split())
    assert "Not connected.</strong> The post office is gone. Nothing was stored." in found
    assert "http-404" not in found

    paper.failure, paper.statement = None, b"%PDF"
    poll = start_test(signed_in, mine).split('hx-get="')[1].split('"')[0]
    work()
    found = signed_in.get(poll, headers=FRAGMENT).text
    assert ("Nothing was stored" in found, "Nothing was imported" in found) == (True, False)

    paper.statement = YEAR
    save(signed_in, mine)
    work()
    paper.failure = BrokerError(FailureKind.UNREADABLE, "http-404", "The post office is gone.")
    poll = start_test(signed_in, mine, secret="another-secret").split('hx-get="')[1].split('"')[0]
    work()
    found = " ".join(signed_in.get(poll, headers=FRAGMENT).text.split())
    assert "The test failed.</strong>" in found
    assert "Nothing was stored, and the saved connection was not changed." in found


def test_without_javascript_a_test_comes_back_to_the_page_with_what_was_typed(
    signed_in: FlaskClient, mine: Portfolio, work: Work
) -> None:
    answer = signed_in.post(settings_of(mine) + "/test", data={**TYPED, "only_currency": "eur"})
    assert answer.status_code == 303
    page = signed_in.get(answer.location).text
    assert 'http-equiv="refresh"' in page
    assert 'value="ada"' in page
    assert TYPED["secret"] not in page
    assert "Paste it again" in page
    work()
    page = signed_in.get(answer.location).text
    assert 'http-equiv="refresh"' not in page
    assert "Connected:" in page


def test_dead_credentials_are_said_in_the_region_with_their_code(
    signed_in: FlaskClient, mine: Portfolio, paper: PaperBroker, work: Work
) -> None:
    save(signed_in, mine)
    work()
    paper.failure = BrokerError(
        FailureKind.CREDENTIALS, "P-12", "The paper secret has expired (code P-12).", remedy="Open another envelope."
    )
    signed_in.post(f"/portfolios/{mine.id}/sync")
    work()
    status = signed_in.get(f"/portfolios/{mine.id}/status", headers=FRAGMENT).text
    assert "Auth failed" in status
    assert "P-12" in status


def test_a_lost_key_asks_for_the_secret_again(signed_in: FlaskClient, mine: Portfolio, work: Work) -> None:
    save(signed_in, mine)
    work()
    connection = db.session.scalars(db.select(Connection)).one()
    with transaction():
        connection.sealed_credentials = b"sealed under another key"
    page = signed_in.get(settings_of(mine))
    assert page.status_code == 200
    assert "The token can’t be opened, paste it again" in page.text


@pytest.mark.parametrize("action", ["/settings/test", "/sync"])
def test_asking_the_broker_over_and_over_is_stopped(
    app: Flask, signed_in: FlaskClient, mine: Portfolio, action: str
) -> None:
    limiter.enabled = True
    try:
        statuses = [signed_in.post(f"/portfolios/{mine.id}{action}", data=TYPED).status_code for _ in range(16)]
    finally:
        limiter.enabled = False
    assert 429 not in statuses[:15]
    assert statuses[15] == 429


def test_a_lockout_says_until_when_and_why_and_blames_no_credentials(
    signed_in: FlaskClient, mine: Portfolio, paper: PaperBroker, work: Work
) -> None:
    paper.failure = BrokerError(FailureKind.LOCKED_OUT, "P-25", "The post office is closed (code P-25).")
    save(signed_in, mine)
    work()
    status = signed_in.get(f"/portfolios/{mine.id}/status", headers=FRAGMENT).text
    assert "Locked out until" in status
    assert "21 Nov 2026, 00:00 UTC" in status.replace("\xa0", " ").replace("&nbsp;", " ")
    assert "The post office is closed (code P-25)." in status
    assert "Auth failed" not in status


def test_pages_without_a_transaction_tell_whether_a_connection_is_to_be_made_is_new_or_brought_none(
    signed_in: FlaskClient, mine: Portfolio, paper: PaperBroker, work: Work
) -> None:
    address = f"/portfolios/{mine.id}"

    def told() -> list[str]:
        pages = [signed_in.get(f"{address}{rest}").text for rest in ("", "/transactions")]
        return [words for page in pages for words in ("Connect Interactive", "first sync", "held no", "as soon as a sync")
                if words in page]  # fmt: skip

    paper.statement = statement([], [])
    assert told() == ["Connect Interactive", "Connect Interactive"]
    save(signed_in, mine)
    assert told() == ["first sync", "as soon as a sync"]
    work()
    assert told() == ["held no", "as soon as a sync"]
    save(signed_in, mine, secret="")
    assert told() == ["Connect Interactive", "Connect Interactive"]
