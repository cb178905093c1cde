import pytest
from flask.testing import FlaskClient

from tests.web.paper_broker import PaperBroker


@pytest.fixture(autouse=True)
def _paper_only(paper: PaperBroker) -> None: ...


def test_the_whole_guide_is_read_without_signing_in(client: FlaskClient) -> None:
    page = client.get("/help/paper-brokerage")
    assert page.status_code == 200
    for words in ("burn the envelope", "Mind the wax.", "Once a day a letter", "Letters take a day.", "Can it write?"):
        assert words in page.text


def test_the_guide_s_words_are_text_and_only_stars_make_them_strong(client: FlaskClient) -> None:
    page = client.get("/help/paper-brokerage").text
    assert "Copy &lt;these&gt; names:" in page
    assert "No, it <strong>reads</strong>." in page


def test_a_broker_that_is_not_there_has_no_page(client: FlaskClient) -> None:
    assert client.get("/help/another").status_code == 404
