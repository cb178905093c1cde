"""Tells IBKR's answers apart: a statement, an error or receipt envelope, a web page, or nothing known.

By the ROOT ELEMENT, because `<FlexStatement` begins `<FlexStatementResponse` too. No document type is ever read.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from enum import StrEnum

# Envelopes have some hundred bytes; a prefix of this size holds one whole and decides about everything else.
PREFIX_BYTES = 64 * 1024

_ROOT = re.compile(r"\s*(?:<\?xml[^>]*\?>\s*)?(?:<!--.*?-->\s*)*<([A-Za-z_!][\w:.-]*)", re.DOTALL)
_FORBIDDEN = re.compile(r"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)


class Shape(StrEnum):
    STATEMENT = "statement"  # CSV, Flex XML, or nothing at all: the reader's affair
    ENVELOPE = "envelope"
    PAGE = "html"
    OTHER = "unknown-answer"


@dataclass(frozen=True, slots=True)
class Envelope:
    status: str
    reference: str
    url: str
    code: str
    message: str


def shape_of(prefix: bytes) -> Shape:
    """What a body that begins with `prefix` is."""
    text = _text(prefix)
    if not text.lstrip().startswith("<"):
        return Shape.STATEMENT
    found = _ROOT.match(text)
    root = found.group(1).rpartition(":")[2].casefold() if found else ""
    if root == "flexstatementresponse":
        return Shape.ENVELOPE
    if root == "flexqueryresponse":
        return Shape.STATEMENT
    if root in ("html", "!doctype", "head", "body"):
        return Shape.PAGE
    return Shape.OTHER


def read_envelope(body: bytes) -> Envelope | None:
    """The envelope's fields, absent ones empty. None when it cannot be read safely."""
    text = _text(body)
    if _FORBIDDEN.search(text):
        return None
    try:
        root = ET.fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", text))  # noqa: S314  (no DTD, no entities: refused above)
    except ET.ParseError:
        return None
    fields = {child.tag.rpartition("}")[2].casefold(): (child.text or "").strip() for child in root}
    return Envelope(
        status=fields.get("status", "").casefold(),
        reference=fields.get("referencecode", ""),
        url=fields.get("url", ""),
        code=fields.get("errorcode", ""),
        message=fields.get("errormessage", ""),
    )


def _text(data: bytes) -> str:
    return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
