"""The shape of what an attempt's code tells about itself: progress, events of its own, its hooks.

It joins the history of its job, between the attempt's start and its end, whoever carried it here.
"""

from uuid import UUID

import msgspec

MOST = 1_000
"""What is kept of what one attempt tells, but for its hooks."""
LARGEST = 16 * 1024
"""Bytes of JSON that one of them may have."""


class Told(msgspec.Struct, frozen=True):
    """Something to be kept. Field order is the statement's."""

    job_id: UUID
    attempt: int
    lease_token: UUID
    number: int
    """Its place among those of its attempt, from 1."""
    kind: str
    at: float
    """Seconds since the epoch by the database's clock; rises with the number, by a microsecond at least."""
    data: str
    """JSON."""


def plain(value: object) -> object:
    """The same JSON value without NUL, which the database cannot store."""
    if isinstance(value, str):
        return value.replace("\0", "") if "\0" in value else value
    if isinstance(value, dict):
        return {plain(name): plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value
