"""Ids: UUIDv7, so that rows created together lie together and ids sort by age."""

import re
from uuid import UUID

import uuid_utils
from uuid_utils import compat

_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}\Z")


def new() -> UUID:
    """A fresh id; later calls in one process give greater ids."""
    return compat.uuid7()


def new_text() -> str:
    """The same as text, for what is never anything else."""
    return str(uuid_utils.uuid7())


def is_request_id(text: str) -> bool:
    """Whether a caller's ``X-Request-ID`` is safe to echo and to log."""
    return _REQUEST_ID.match(text) is not None
