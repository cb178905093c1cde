"""What a Flex Web Service says: envelopes as IBKR writes them, and answers that only trouble brings.

Messages are IBKR's, from the table of version 3 error codes (ibkrguides.com, flex3error.htm), misspellings included.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.sax.saxutils import escape

MESSAGES = {
    "1001": "Statement could not be generated at this time. Please try again shortly.",
    "1003": "Statement is not available.",
    "1004": "Statement is incomplete at this time. Please try again shortly.",
    "1005": "Settlement data is not ready at this time. Please try again shortly.",
    "1006": "FIFO P/L data is not ready at this time. Please try again shortly.",
    "1007": "MTM P/L data is not ready at this time. Please try again shortly.",
    "1008": "MTM and FIFO P/L data is not ready at this time. Please try again shortly.",
    "1009": "The server is under heavy load. Statement could not be generated at this time. Please try again shortly.",
    "1010": "Legacy Flex Queries are no longer supported. Please convert over to Activity Flex.",
    "1011": "Service account is inactive.",
    "1012": "Token has expired.",
    "1013": "IP restriction.",
    "1014": "Query is invalid.",
    "1015": "Token is invalid.",
    "1016": "Account in invalid.",
    "1017": "Reference code is invalid.",
    "1018": "Too many requests have been made from this token. Please try again shortly.",
    "1019": "Statement generation in progress. Please try again shortly.",
    "1020": "Invalid request or unable to validate request.",
    "1021": "Statement could not be retrieved at this time. Please try again shortly.",
    "1025": "Too many failed attempts. Please review your configuration.",
}
_WARNINGS = ("1018", "1019", "1025")
# A made-up stamp in IBKR's form; nothing may depend on it.
_STAMP = "20 November, 2026 06:12 AM EST"
_SORRY = b"<!DOCTYPE html><html><body><p>We are sorry, our services are temporarily unavailable.</p></body></html>"


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, as odd as a test wants it."""

    body: bytes = b""
    status: int = 200
    content_type: str = "text/plain;charset=UTF-8"
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0  # seconds before anything is sent
    trickle: float = 0  # seconds between single bytes of the body
    break_after: int | None = None  # bytes of the body, after which the connection is cut


Scripted = str | int | bytes | Answer  # an error code or "ok" | an HTTP status | a body | the whole of it


def scripted(answer: Scripted) -> Answer:
    """The full answer that a short form stands for. "ok" is not one: it leaves the call to the ordinary course."""
    if isinstance(answer, Answer):
        return answer
    if isinstance(answer, bytes):
        return Answer(answer)
    if isinstance(answer, int):
        return Answer(_SORRY, answer, "text/html")
    return error(answer)


def error(code: str, message: str | None = None, status: str | None = None) -> Answer:
    status = status or ("Warn" if code in _WARNINGS else "Fail")
    words = MESSAGES.get(code, "") if message is None else message
    return _envelope(
        f"<Status>{status}</Status>\n<ErrorCode>{code}</ErrorCode>\n<ErrorMessage>{escape(words)}</ErrorMessage>"
    )


def receipt(reference: str, url: str) -> Answer:
    return _envelope(f"<Status>Success</Status>\n<ReferenceCode>{reference}</ReferenceCode>\n<Url>{escape(url)}</Url>")


def _envelope(inside: str) -> Answer:
    text = f"<FlexStatementResponse timestamp='{_STAMP}'>\n{inside}\n</FlexStatementResponse>\n"
    return Answer(text.encode(), content_type="text/xml;charset=UTF-8")
