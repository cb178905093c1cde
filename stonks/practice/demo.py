"""What the practice broker offers on its own: good queries, and tokens that show each kind of trouble."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from html import escape

from stonks.practice import demo_statement
from stonks.practice.answers import MESSAGES
from stonks.practice.server import PracticeBroker, Step

TOKEN = "111122223333444455556666"  # noqa: S105  (opens made-up data only)
FADING_TOKEN = "222233334444555566667777"  # noqa: S105
QUERIES: dict[str, tuple[str, Callable[[date], bytes]]] = {
    "1234567": ("a year of trades, conversions and dividends in EUR, USD and GBP", demo_statement.whole_year),
    "7654321": ("the same trades, without the section Cash Transactions", demo_statement.trades_only),
    "2345678": (
        "a query made in a hurry: orders beside executions, ISIN and commission missing",
        demo_statement.careless,
    ),
    "3456789": ("an account without any transaction", demo_statement.nothing_yet),
}


def failing_token(code: str) -> str:
    """The token that always answers `code`."""
    return code.rjust(24, "9")


def demo_broker(host: str, port: int, seconds: float = 0) -> PracticeBroker:
    """A practice broker with all of this, not started yet."""
    broker = PracticeBroker(host, port, seconds=seconds, index=_index, today=_today)
    failing = [failing_token(code) for code in MESSAGES]
    for query, (_, make) in QUERIES.items():
        for token in (TOKEN, FADING_TOKEN, *failing):
            broker.add_query(token, query, _as_of_today(make))
    for code in MESSAGES:
        # 1017 is about a reference, and 1019 about a statement being made: they come at the second step only.
        step: Step = "GetStatement" if code in ("1017", "1019") else "SendRequest"
        broker.script(step, [code], token=failing_token(code), repeat=True)
    broker.script("SendRequest", ["ok", "1012"], token=FADING_TOKEN, repeat=True)
    return broker


def _as_of_today(make: Callable[[date], bytes]) -> Callable[[], bytes]:
    return lambda: make(_today())


def _today() -> date:
    return datetime.now(UTC).date()


def _index() -> bytes:
    """The page at "/": what can be tried."""
    queries = "".join(f"<dt>{query}<dd>{escape(what)}" for query, (what, _) in QUERIES.items())
    failing = "".join(f"<dt>{failing_token(code)}<dd>{code}: {escape(words)}" for code, words in MESSAGES.items())
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Practice broker</title>
<style>body {{ font: 15px/1.5 system-ui; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color-scheme: light dark }}
dt {{ font-family: ui-monospace, monospace; margin-top: .5rem }} dd {{ margin: 0 }}</style>
<h1>Practice broker</h1>
<p>A Flex Web Service on this machine that speaks like IBKR's. Its data is made up.</p>
<h2>Flex Query IDs</h2><dl>{queries}</dl>
<h2>Tokens</h2>
<dl><dt>{TOKEN}<dd>always works<dt>{FADING_TOKEN}<dd>gives one statement, then says that it has expired (1012)</dl>
<h2>Tokens that show an error</h2><dl>{failing}</dl>
</html>""".encode()
