"""Where the next page of a list begins: the id of the last item, in a form that invites no guessing.

A cursor opens nothing: every list is scoped by tenant whatever its cursor says.
"""

import binascii
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


def write(last: UUID) -> str:
    """The cursor after this item."""
    return urlsafe_b64encode(last.bytes).decode().rstrip("=")


def read(cursor: str | None) -> UUID | None:
    """The item that the page before ended with. Raises Invalid if this is no cursor of ours."""
    if cursor is None:
        return None
    try:
        raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != _BYTES or write(UUID(bytes=raw)) != cursor:
        message = "must be the next_cursor of the page before"
        raise Invalid([Fault("wrong_format", message, parameter="cursor")])
    return UUID(bytes=raw)
