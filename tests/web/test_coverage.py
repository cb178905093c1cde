"""The page of covered days: what it names, what it asks for, and that it asks for nothing else. Today is Friday 20
November 2026; the paper broker's last business day is the day before."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import date
from io import BytesIO

import pytest
from flask.testing import FlaskClient

from stonks.brokers.errors import BrokerError, FailureKind
from stonks.db import db, transaction
from stonks.ledger.tables import CoveredSpan, Portfolio
from stonks.portfolio.coverage import UPLOAD, Proof
from stonks.sync.tables import SyncRun
from tests.statements import buy, statement
from tests.web.paper_broker import PaperBroker
from tests.web.test_connections import FRAGMENT, TYPED, save

Work = Callable[[], None]
QUERY = "paper:ada"


@pytest.fixture(autouse=True)
def _paper_only(paper: PaperBroker) -> None:
    paper.statement = statement([buy(1, "20261105")])


def address_of(portfolio: Portfolio, rest: str = "") -> str:
    return f"/portfolios/{portfolio.id}/coverage{rest}"


def text_of(client: FlaskClient, portfolio: Portfolio) -> str:
    page = client.get(address_of(portfolio)).text
    main = page[page.index('id="covered-days"') : page.index("</main>")]
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", main)))


def cover(portfolio: Portfolio, first: str, last: str, **more: str | None) -> None:
    told = {"source": QUERY, "account": None, "currency": None, "proof": Proof.TOLD, **more}
    with transaction():
        db.session.add(
            CoveredSpan(
                portfolio_id=portfolio.id, first=date.fromisoformat(first), last=date.fromisoformat(last), **told
            )
        )


def connect(client: FlaskClient, portfolio: Portfolio, work: Work) -> None:
    """Connected, with nothing covered yet."""
    save(client, portfolio)
    work()
    with transaction():
        db.session.execute(db.delete(CoveredSpan))


def ask(client: FlaskClient, portfolio: Portfolio, first: str, last: str, **more: object) -> int:
    return client.post(address_of(portfolio, "/ask"), data={"first": first, "last": last}, **more).status_code  # type: ignore[arg-type]


def test_an_empty_portfolio_says_where_days_come_from(signed_in: FlaskClient, mine: Portfolio) -> None:
    assert "No days yet" in text_of(signed_in, mine)


def test_another_person_s_days_do_not_exist(signed_in: FlaskClient, anothers: Portfolio) -> None:
    assert signed_in.get(address_of(anothers)).status_code == 404
    assert ask(signed_in, anothers, "2026-11-02", "2026-11-03") == 404


def test_a_gap_is_named_and_asked_for_with_one_button(
    signed_in: FlaskClient, mine: Portfolio, paper: PaperBroker, work: Work
) -> None:
    connect(signed_in, mine, work)
    cover(mine, "2025-11-20", "2026-10-30")
    cover(mine, "2026-11-09", "2026-11-19")
    shown = text_of(signed_in, mine)
    assert "1 gap since 20 Nov 2025" in shown.replace("\xa0", " ")
    assert "2 to 6 Nov 2026 5 business days" in shown.replace("\xa0", " ")
    page = signed_in.get(address_of(mine)).text
    assert 'value="2026-11-02"' in page
    assert 'value="2026-11-06"' in page

    assert ask(signed_in, mine, "2026-11-02", "2026-11-06") == 303
    assert "2 to 6 Nov 2026: Waiting for a worker" in text_of(signed_in, mine).replace("\xa0", " ")
    work()
    assert paper.windows[-1] == (date(2026, 11, 2), date(2026, 11, 6))
    shown = text_of(signed_in, mine).replace("\xa0", " ")
    assert "No gap known since 20 Nov 2025" in shown
    assert "asked for, not proven" in shown


def test_without_javascript_and_with_it_the_answer_is_the_same_part(
    signed_in: FlaskClient, mine: Portfolio, work: Work
) -> None:
    connect(signed_in, mine, work)
    cover(mine, "2025-11-20", "2026-10-30")
    cover(mine, "2026-11-09", "2026-11-19")
    answer = signed_in.post(
        address_of(mine, "/ask"), data={"first": "2026-11-02", "last": "2026-11-06"}, headers=FRAGMENT
    )
    assert answer.status_code == 200
    assert "<html" not in answer.text
    poll = answer.text.split('hidden hx-get="')[1].split('"')[0].replace("&amp;", "&")
    assert signed_in.get(poll, headers=FRAGMENT).status_code == 204
    work()
    last = signed_in.get(poll, headers=FRAGMENT).text
    assert "hx-trigger" not in last


@pytest.mark.parametrize(("first", "last"), [("2025-11-03", "2025-11-07"), ("2026-11-19", "2026-11-20"), ("", "x")])
def test_days_out_of_reach_are_refused_in_words_and_nothing_is_asked(
    signed_in: FlaskClient, mine: Portfolio, paper: PaperBroker, work: Work, first: str, last: str
) -> None:
    connect(signed_in, mine, work)
    asked = paper.requests
    answer = signed_in.post(address_of(mine, "/ask"), data={"first": first, "last": last})
    assert answer.status_code == 422
    assert "Nothing was asked for" in answer.text
    work()
    assert paper.requests == asked


def test_days_older_than_a_request_reaches_name_the_files_to_upload(
    signed_in: FlaskClient, mine: Portfolio, work: Work
) -> None:
    connect(signed_in, mine, work)
    cover(mine, "2023-01-02", "2023-03-31", source=UPLOAD)
    cover(mine, "2025-11-20", "2026-11-19")
    shown = text_of(signed_in, mine).replace("\xa0", " ")
    assert "A request reaches back 365 days only." in shown
    assert (
        "Upload 3 statements with 3 Apr 2023 to 1 Apr 2024, 2 Apr 2024 to 1 Apr 2025 and 2 Apr to 19 Nov 2025" in shown
    )
    assert "Print it out" in shown
    assert "Ask Paper Brokerage" not in shown


def test_a_gap_across_the_reach_is_closed_in_two_ways(signed_in: FlaskClient, mine: Portfolio, work: Work) -> None:
    connect(signed_in, mine, work)
    cover(mine, "2025-01-02", "2025-10-31", source=UPLOAD)
    cover(mine, "2025-12-01", "2026-11-19")
    shown = text_of(signed_in, mine).replace("\xa0", " ")
    assert "1 gap since 2 Jan 2025" in shown
    assert "Upload a statement with 3 to 19 Nov 2025" in shown
    assert 'value="2025-11-20"' in signed_in.get(address_of(mine)).text


def test_the_last_days_come_by_themselves_unless_they_are_many(
    signed_in: FlaskClient, mine: Portfolio, work: Work
) -> None:
    connect(signed_in, mine, work)
    cover(mine, "2025-11-20", "2026-11-17")
    shown = text_of(signed_in, mine).replace("\xa0", " ")
    assert "18 to 19 Nov 2026" in shown
    assert "The next automatic sync brings them" in shown
    assert "Ask Paper Brokerage" not in shown
    with transaction():
        db.session.execute(db.update(CoveredSpan).values(last=date(2026, 11, 10)))
    assert "Ask Paper Brokerage" in text_of(signed_in, mine)


def test_without_a_connection_nothing_can_be_asked_and_the_file_is_named(
    signed_in: FlaskClient, mine: Portfolio
) -> None:
    cover(mine, "2026-09-01", "2026-09-30", source=UPLOAD)
    cover(mine, "2026-11-02", "2026-11-19", source=UPLOAD)
    shown = text_of(signed_in, mine).replace("\xa0", " ")
    assert "Upload a statement with 1 to 30 Oct 2026" in shown
    assert "Ask Paper Brokerage" not in shown


def test_a_refused_window_says_so_beside_its_gap(
    signed_in: FlaskClient, mine: Portfolio, paper: PaperBroker, work: Work
) -> None:
    connect(signed_in, mine, work)
    cover(mine, "2025-11-20", "2026-10-30")
    cover(mine, "2026-11-09", "2026-11-19")
    paper.failure = BrokerError(FailureKind.NO_SUCH_PERIOD, "P-3", "No letters of these days.", remedy="Print it out.")
    ask(signed_in, mine, "2026-11-02", "2026-11-06")
    work()
    shown = text_of(signed_in, mine)
    assert "No letters of these days. Print it out." in shown
    history = signed_in.get(f"/portfolios/{mine.id}/settings").text
    assert "Asked for 2 to 6" in history
    assert "Last try" in history


def test_an_upload_covers_its_days_in_its_currency(signed_in: FlaskClient, mine: Portfolio) -> None:
    body = statement([buy(1, "20261102"), buy(2, "20261118")])
    for _ in range(2):
        data = {"statement": (BytesIO(body), "year.csv"), "only_currency": "usd"}
        signed_in.post(f"/portfolios/{mine.id}/import", data=data)
    assert [
        (row.source, row.currency, row.proof, row.first, row.last) for row in db.session.scalars(db.select(CoveredSpan))
    ] == [(UPLOAD, "USD", "rows", date(2026, 11, 2), date(2026, 11, 18))]
    assert "only USD: 1 gap since" in text_of(signed_in, mine)


def test_what_was_sold_without_having_been_bought_hints_at_earlier_history(
    signed_in: FlaskClient, mine: Portfolio
) -> None:
    sale = "AAPL,US0378331005,1,20261105,SELL,-4,190,-1,USD"
    signed_in.post(f"/portfolios/{mine.id}/import", data={"statement": (BytesIO(statement([sale])), "sale.csv")})
    shown = text_of(signed_in, mine).replace("\xa0", " ")
    assert "History before 5 Nov 2026 is not here" in shown
    assert "AAPL left without having been bought here" in shown
    bought = statement([buy(2, "20261104")])
    signed_in.post(f"/portfolios/{mine.id}/import", data={"statement": (BytesIO(bought), "bought.csv")})
    assert "is not here" not in text_of(signed_in, mine)


def test_a_sync_that_brought_fewer_days_than_asked_for_is_said_on_both_pages(
    signed_in: FlaskClient, mine: Portfolio, paper: PaperBroker, work: Work
) -> None:
    paper.statement = (
        b'"BOF","U1","q","1","20261119","20261119","20261120;050000"\n"BOA","U1"\n'
        + statement([buy(1, "20261119")])
        + b'"EOA","U1"\n"EOF"\n'
    )
    save(signed_in, mine)
    work()
    for page in (address_of(mine), f"/portfolios/{mine.id}/settings"):
        assert "covers 1 day although 365 were asked for" in signed_in.get(page).text


def test_the_pages_around_it_lead_to_it(signed_in: FlaskClient, mine: Portfolio, work: Work) -> None:
    save(signed_in, mine)
    work()
    for page in ("settings", "import"):
        assert f'href="{address_of(mine)}"' in signed_in.get(f"/portfolios/{mine.id}/{page}").text


def test_a_run_under_way_disables_the_button(signed_in: FlaskClient, mine: Portfolio, work: Work) -> None:
    connect(signed_in, mine, work)
    cover(mine, "2025-11-20", "2026-10-30")
    cover(mine, "2026-11-09", "2026-11-19")
    signed_in.post(f"/portfolios/{mine.id}/sync", data=TYPED)
    assert 'disabled aria-label="Ask' in signed_in.get(address_of(mine)).text
    assert ask(signed_in, mine, "2026-11-02", "2026-11-06") == 422
    assert len(db.session.scalars(db.select(SyncRun).where(SyncRun.finished_at.is_(None))).all()) == 1
