"""A request ready to be sent, and its bytes.

The sender frames the message itself (`Host`, `Content-Length`) and asks for no content coding; all other
headers come with the request and go out in the order given. One request is one block of bytes and one write.
Headers were checked when the job was created; a line break that still got here is refused, not sent.
"""

from collections.abc import Iterable
from uuid import UUID

from msgspec import Struct

from core.egress.urls import Url

# RFC 9110 8.6: these say how long their content is even when there is none.
_WITH_CONTENT = frozenset({"POST", "PUT", "PATCH"})


class Request(Struct, frozen=True):
    """One request to one target."""

    tenant_id: UUID
    """Whose request it is; connections are never shared between tenants."""

    method: str

    url: Url

    headers: str
    """Everything but `Host`, `Content-Length` and `Accept-Encoding`, as `header_lines` writes it."""

    body: bytes = b""


def checked(value: str) -> str:
    """A header's value as it is. Raises ValueError for what would break the framing."""
    if "\n" in value or "\r" in value or "\0" in value:
        raise ValueError("a header holds a line break")
    return value


def header_lines(headers: Iterable[tuple[str, str]]) -> str:
    """Headers as they go on the wire. Raises ValueError for what would break the framing."""
    pairs = list(headers)
    lines = "".join([f"{name}: {value}\r\n" for name, value in pairs])
    if lines.count("\n") != len(pairs) or lines.count("\r") != len(pairs) or "\0" in lines:
        raise ValueError("a header holds a line break")
    return lines


def render(request: Request) -> bytes:
    """The request as it goes on the wire. Raises ValueError for what would break the framing."""
    url, body = request.url, request.body
    if not request.method.isalpha():
        raise ValueError("the method is no word")
    length = f"Content-Length: {len(body)}\r\n" if body or request.method in _WITH_CONTENT else ""
    head = (
        f"{request.method} {url.target} HTTP/1.1\r\nHost: {url.authority}\r\n"
        f"{request.headers}Accept-Encoding: identity\r\n{length}\r\n"
    )
    return head.encode("ascii") + body
