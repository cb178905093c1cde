"""What each of IBKR's Flex error codes means for a sync, and what a person can do about it.

The 20 documented codes are from IBKR's "Flex Web Service Version 3 Error Codes" (ibkrguides.com, flex3error.htm); 1025
is undocumented and known from users. The status word beside a code (Fail, Warn) is not reliable and never decides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from stonks.brokers.contract import Pending
from stonks.brokers.errors import BrokerError, FailureKind


class Step(StrEnum):
    REQUEST = "SendRequest"
    COLLECT = "GetStatement"


@dataclass(frozen=True, slots=True)
class Meaning:
    kind: FailureKind
    text: str  # one sentence: what IBKR says, without its code
    remedy: str = ""
    polls: bool = False  # while collecting: the same ticket is simply asked for again
    may_be_activating: bool = False
    retry_after: timedelta | None = None


QUERIES = "Performance & Reports → Flex Queries"
TOKENS = f"{QUERIES} → Flex Web Service Configuration"
TRY_LATER = (
    "This usually passes by itself: a connected portfolio is tried again later, and a test can be repeated in a while."
)
RATE_WAIT = timedelta(seconds=60)  # 1018: one request a second, ten a minute, per token
LOCKOUT_WAIT = timedelta(hours=12)  # 1025: users saw 12 to 14 hours
# A refused generation counts towards the lockout behind 1025, so a new request keeps hours of distance.
REQUEST_WAIT = timedelta(hours=2)

_NEW_TOKEN = (
    f"In Client Portal open {TOKENS}, choose the longest life in Should Expire After and press Generate New Token. "
    "Paste the new token here and save."
)
_CHECK_QUERY = (
    f"In Client Portal open {QUERIES}, press the information icon beside your Activity Flex Query and compare the "
    "Query ID. The query must belong to the same username as the token."
)


def _books(what: str) -> Meaning:
    return Meaning(
        FailureKind.NOT_NOW,
        f"IBKR has not finished {what} for the period yet.",
        TRY_LATER,
        polls=True,
        retry_after=REQUEST_WAIT,
    )


MEANINGS: dict[str, Meaning] = {
    "1001": Meaning(
        FailureKind.NOT_NOW,
        "IBKR could not make the statement at this time.",
        TRY_LATER,
        polls=True,
        retry_after=REQUEST_WAIT,
    ),
    "1003": Meaning(
        FailureKind.NOT_NOW,
        "IBKR has no statement for this query and period.",
        f"If this lasts for more than a day, open {QUERIES} in Client Portal, edit the query and set its Period to "
        "Last 365 Calendar Days.",
        retry_after=REQUEST_WAIT,
    ),
    "1004": _books("the statement"),
    "1005": _books("the settlement data"),
    "1006": _books("the FIFO profit and loss data"),
    "1007": _books("the mark-to-market profit and loss data"),
    "1008": _books("the profit and loss data"),
    "1009": Meaning(
        FailureKind.NOT_NOW,
        "IBKR's server is under heavy load and could not make the statement.",
        TRY_LATER,
        polls=True,
        retry_after=REQUEST_WAIT,
    ),
    "1010": Meaning(
        FailureKind.QUERY,
        "IBKR no longer supports this old kind of query.",
        f"In Client Portal open {QUERIES}, make a new Activity Flex Query as the guide shows, enter its Query ID "
        "here and save.",
    ),
    "1011": Meaning(
        FailureKind.CREDENTIALS,
        "IBKR says the Flex Web Service is switched off for this account.",
        f"In Client Portal open {TOKENS}, switch Flex Web Service Status on and save. Then save the connection here "
        "once more.",
    ),
    "1012": Meaning(FailureKind.CREDENTIALS, "IBKR says the token has expired.", _NEW_TOKEN),
    "1013": Meaning(
        FailureKind.CREDENTIALS,
        "IBKR does not accept this token from the address that Stonksfolio calls from.",
        f"In Client Portal open {TOKENS} and look at Valid For IP Address: leave it empty, or enter the public "
        "address of the machine that runs Stonksfolio. That needs a new token; paste it here and save.",
        may_be_activating=True,
    ),
    "1014": Meaning(FailureKind.QUERY, "IBKR does not know this Flex Query.", _CHECK_QUERY),
    "1015": Meaning(
        FailureKind.CREDENTIALS,
        "IBKR does not accept this token.",
        "Compare it with Current Token Details in Client Portal, under "
        f"{TOKENS}: making a new token ends the one before. If they differ, paste the current one here and save.",
        may_be_activating=True,
    ),
    "1016": Meaning(
        FailureKind.QUERY,
        "IBKR says the account of this query is not valid.",
        f"In Client Portal open {QUERIES}, edit the query, choose the account again under Delivery Configuration → "
        "Accounts and save it. Then save the connection here once more.",
    ),
    "1017": Meaning(FailureKind.START_OVER, "IBKR no longer knows the statement that was being made.", TRY_LATER),
    "1018": Meaning(
        FailureKind.RATE_LIMITED,
        "IBKR has had too many requests with this token in a short time.",
        "Stonksfolio waits before it asks again. If another program uses the same token, let them run at "
        "different times.",
        retry_after=RATE_WAIT,
    ),
    "1019": Meaning(FailureKind.NOT_NOW, "IBKR is still making the statement.", TRY_LATER, polls=True),
    "1020": Meaning(
        FailureKind.CREDENTIALS,
        "IBKR could not validate the request: the token or the Query ID is not right.",
        f"Compare both with Client Portal: the token under {TOKENS}, the Query ID behind the information icon beside "
        "the query.",
        may_be_activating=True,
    ),
    "1021": Meaning(
        FailureKind.NOT_NOW,
        "IBKR could not hand out the statement at this time.",
        TRY_LATER,
        polls=True,
        retry_after=REQUEST_WAIT,
    ),
    "1025": Meaning(
        FailureKind.LOCKED_OUT,
        "IBKR has locked this token for some hours after too many failed requests.",
        "Nothing is asked until the lock is over, at least 12 hours. Your token and query may well be right. "
        "Statements downloaded in Client Portal can be uploaded meanwhile.",
        retry_after=LOCKOUT_WAIT,
    ),
}

# Seen for days that a query does not give out one by one, or that hold no activity. 1020 may blame the dates or the
# token; if it is the token, the next sync without dates says so.
_REFUSES_DATES = ("1003", "1020")
_UPLOAD_THESE_DAYS = (
    "Nothing was imported. Perhaps nothing happened on these days, or this query gives out its own period only. "
    f"In Client Portal open {QUERIES}, run the query with Period: Custom Date Range for these days, and upload the file."
)
# What an unknown code is like, by the first line here that has a word of each group in what IBKR says.
_ALIKE: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...] = (
    ("1025", (("too many failed",),)),
    ("1018", (("too many requests",),)),
    ("1001", (("try again", "shortly", "not ready", "in progress", "temporarily"),)),
    ("1012", (("token",), ("expired", "revoked"))),
    ("1015", (("token",), ("invalid", "not valid"))),
    ("1014", (("query",), ("invalid", "not valid", "not found", "does not exist", "deleted"))),
)
_LONGEST_QUOTE = 200


def still_pending(code: str, words: str, poll_wait: timedelta) -> Pending | None:
    """For an error envelope while collecting: the wait for the same ticket, when that is all that the code asks for.

    `poll_wait` is the ordinary wait between two looks; a server under load (1009) gets six times as much.
    """
    if not (MEANINGS.get(code) or _unknown(code, words)).polls:
        return None
    return Pending(poll_wait * 6 if code == "1009" else poll_wait, code)


def refusal(
    step: Step, code: str, words: str, *, token: str, with_period: bool = False, with_dates: bool = False
) -> BrokerError:
    """The error that an envelope's code stands for; `code` is "" when it had none. `with_period`: the request named its
    period, `with_dates`: as a first and a last day.

    `words` is IBKR's own message, quoted for unknown codes only; `token` is struck out of it.
    """
    meaning = MEANINGS.get(code) or _unknown(code, quotable(words, token))
    kind, retry_after, remedy = meaning.kind, meaning.retry_after, meaning.remedy
    if code == "1003" and step is Step.COLLECT:
        kind, retry_after = FailureKind.START_OVER, None
    elif code in _REFUSES_DATES and with_dates:
        kind, retry_after, remedy = FailureKind.NO_SUCH_PERIOD, None, _UPLOAD_THESE_DAYS
    elif code == "1003" and with_period:
        kind, retry_after = FailureKind.NO_SUCH_PERIOD, None
    label = f"code {code}" if code else "no code"
    return BrokerError(
        kind,
        code or "no-code",
        f"{meaning.text.removesuffix('.')} ({label}).",
        remedy=remedy,
        retry_after=retry_after,
        may_be_activating=meaning.may_be_activating,
    )


def _unknown(code: str, quote: str) -> Meaning:
    """A code that nobody has described is judged by its words."""
    said = f"IBKR answered: “{quote}”" if quote else "IBKR refused without saying why"
    words = quote.casefold()
    for known, groups in _ALIKE:
        # No code at all is no promise that asking again helps, nor that it does not, whatever the words.
        if code and all(any(word in words for word in group) for group in groups):
            return replace(MEANINGS[known], text=said)
    return Meaning(
        FailureKind.UNKNOWN,
        said,
        "Stonksfolio does not know this answer. Compare the Query ID and the token with Client Portal, then test the "
        "connection.",
    )


def quotable(words: str, token: str) -> str:
    """IBKR's words on one line, without the token or anything that could be one."""
    text = " ".join(words.split())
    if token:
        text = text.replace(token, "…")
    return re.sub(r"\d{12,}", "…", text)[:_LONGEST_QUOTE]
