"""When a call is tried again, and how long it waits before.

Only what may be repeated is: reads, changes that come to the same, and whatever carries an idempotency key.
Tried again is after a broken connection, 429, 502, 503 and 504, with growing, jittered waits or as long as
`Retry-After` says. The whole call, waits included, stays within one budget: a wait that would not fit is not
begun, and the caller gets the error at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from noonmark.errors import NoonmarkError

RETRIED = frozenset({429, 502, 503, 504})

_CERTAINLY_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_HOPELESS = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)
_MOST_DOUBLINGS = 30


@dataclass(frozen=True, slots=True)
class Retrying:
    """The policy of a client."""

    budget_seconds: float = 60.0
    """For one call, all its tries and waits. 0 means that nothing is tried again."""
    base_seconds: float = 0.25
    """The wait after the first failure, before jitter."""
    max_seconds: float = 8.0
    """No wait of our own choice is longer."""
    told: Callable[[NoonmarkError, float], None] | None = None
    """Is called before each wait, with what failed and the seconds until the next try."""

    def wait(self, failures: int, retry_after: float | None, *, roll: float) -> float:
        """Seconds before the next try. `roll` is random in [0, 1): clients must not come back in step."""
        grown = min(self.base_seconds * 2.0 ** min(failures - 1, _MOST_DOUBLINGS), self.max_seconds)
        jittered = grown * (0.5 + roll / 2)
        return jittered if retry_after is None else retry_after + jittered * 0.25


def worth_another_try(failure: httpx.Response | httpx.RequestError) -> bool:
    """Whether the next try may end otherwise."""
    if isinstance(failure, httpx.Response):
        return failure.status_code in RETRIED
    return isinstance(failure, httpx.TransportError) and not isinstance(failure, _HOPELESS)


def may_have_been_done(failure: httpx.Response | httpx.RequestError) -> bool:
    """Whether the server may have acted, although we cannot know."""
    if isinstance(failure, httpx.Response):
        return failure.status_code >= httpx.codes.INTERNAL_SERVER_ERROR
    return not isinstance(failure, _CERTAINLY_NOT_SENT)


def retry_after(headers: httpx.Headers) -> float | None:
    """Seconds that `Retry-After` asks for, in either of its forms; None if it says nothing we can read."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdecimal():
        return float(value[:9])
    try:
        instant = parsedate_to_datetime(value)
    except ValueError:
        return None
    aware = instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())
