"""Where the next page of a list begins: the id of the last item, in a form that invites no guessing.

A cursor opens nothing: every list is scoped by tenant whatever its cursor says. One that names its list
(`of`) is refused by any other, so that a mix-up shows as a fault and not as a page from somewhere.
"""

import binascii
import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated
from uuid import UUID

from litestar.params import QueryParameter

from core.errors import Fault, Invalid

Cursor = Annotated[
    str | None,
    QueryParameter(
        description="`next_cursor` of the page before; without it, the first page.", max_length=64
    ),
]
Limit = Annotated[int, QueryParameter(description="Items on a page.", ge=1, le=100)]

_BYTES = 16
_MARK_BYTES = 5


def write(last: UUID, *, of: str = "") -> str:
    """The cursor after this item."""
    return urlsafe_b64encode(last.bytes + _mark(last, of)).decode().rstrip("=")


def read(cursor: str | None, *, of: str = "") -> UUID | None:
    """The item that the page before ended with. Raises Invalid if this is no cursor of this list."""
    if cursor is None:
        return None
    try:
        raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) < _BYTES or write(UUID(bytes=raw[:_BYTES]), of=of) != cursor:
        message = "must be the next_cursor of the page before"
        raise Invalid([Fault("wrong_format", message, parameter="cursor")])
    return UUID(bytes=raw[:_BYTES])


def _mark(last: UUID, of: str) -> bytes:
    return hashlib.sha256(of.encode() + last.bytes).digest()[:_MARK_BYTES] if of else b""
