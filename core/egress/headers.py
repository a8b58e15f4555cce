"""Which headers a user may put on a request, checked when the job is created.

Refused are the names that frame the message or steer the connection (two framings are request smuggling),
that claim where a request came from, that open cloud metadata, and that we write ourselves. A header that
passes here can be sent as it is: nothing is corrected later.
"""

import re
from collections.abc import Iterable
from enum import StrEnum

MAX_HEADERS = 64
MAX_HEADER_BYTES = 16 * 1024

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"(?:[!-~](?:[ \t!-~]*[!-~])?)?")

_FRAMING = frozenset(
    {
        "connection", "content-length", "expect", "host", "http2-settings", "keep-alive", "te", "trailer",
        "transfer-encoding", "upgrade",
    }
)  # fmt: skip
_ORIGIN = frozenset({"forwarded", "metadata", "metadata-flavor", "via", "x-real-ip"})
_OURS = frozenset({"accept-encoding", "idempotency-key", "traceparent", "tracestate", "x-request-id"})
_SESSION = frozenset({"cookie", "cookie2"})
_REFUSED = _FRAMING | _ORIGIN | _OURS | _SESSION
_REFUSED_PREFIXES = ("proxy-", "x-forwarded-", "x-aws-ec2-metadata-token", "x-noonmark-", "webhook-")


class HeaderFault(StrEnum):
    """Why a header, or a set of them, is refused."""

    NAME = "header_name"
    RESERVED = "header_reserved"
    VALUE = "header_value"
    TOO_MANY = "too_many_headers"
    TOO_LARGE = "headers_too_large"
    REPEATED = "header_repeated"

    @property
    def message(self) -> str:
        """A sentence for the user."""
        return _MESSAGES[self]


_MESSAGES = {
    HeaderFault.NAME: "The name is not a valid header name.",
    HeaderFault.RESERVED: "This header is written by Noonmark or not allowed on a request.",
    HeaderFault.VALUE: "The value must be visible ASCII, with spaces and tabs only inside.",
    HeaderFault.TOO_MANY: f"At most {MAX_HEADERS} headers may be given.",
    HeaderFault.TOO_LARGE: f"All headers together may take {MAX_HEADER_BYTES // 1024} KiB.",
    HeaderFault.REPEATED: "The name is given twice; names are the same in any case.",
}


def check_header(name: str, value: str) -> HeaderFault | None:
    """What is wrong with one header."""
    if not _TOKEN.fullmatch(name):
        return HeaderFault.NAME
    lower = name.lower()
    if lower in _REFUSED or lower.startswith(_REFUSED_PREFIXES):
        return HeaderFault.RESERVED
    return None if _VALUE.fullmatch(value) else HeaderFault.VALUE


def check_headers(headers: Iterable[tuple[str, str]]) -> list[tuple[str | None, HeaderFault]]:
    """Every fault in a set of headers, with the header's name, or none for a fault of the whole set."""
    pairs = list(headers)
    faults: list[tuple[str | None, HeaderFault]] = []
    if len(pairs) > MAX_HEADERS:
        faults.append((None, HeaderFault.TOO_MANY))
    if sum(len(name) + len(value) + 4 for name, value in pairs) > MAX_HEADER_BYTES:
        faults.append((None, HeaderFault.TOO_LARGE))
    seen: set[str] = set()
    for name, value in pairs:
        fault = check_header(name, value)
        if fault is not None:
            faults.append((name, fault))
        elif name.lower() in seen:
            faults.append((name, HeaderFault.REPEATED))
        seen.add(name.lower())
    return faults
