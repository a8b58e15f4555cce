"""How long a job waits before its next attempt.

Pure arithmetic: no clock and no randomness of its own. The caller passes `roll`, a number in [0, 1), and
gets seconds. Whatever goes in, the answer is never negative and never above the policy's `max_seconds`, so a
caller may add it to an instant without looking at it again.

Jitter must not be clipped at the cap: that would send every long-failing job back in the same instant. It
moves inside a window whose upper edge is the cap instead.
"""

from enum import StrEnum
from typing import Annotated

import msgspec

FIRST_LOSS_SECONDS = 5.0
"""A job whose attempt was lost once is not at fault: it comes back within this time."""

_MOST_DOUBLINGS = 1023
"""The largest power of two a float can hold; a policy reaches its cap long before."""

_MOST_STEPS = 2**53
"""The largest attempt number a float still counts exactly."""


class Backoff(StrEnum):
    """How the wait grows from one failure to the next."""

    EXPONENTIAL = "exponential"
    """base, 2 base, 4 base, 8 base …"""

    LINEAR = "linear"
    """base, 2 base, 3 base, 4 base …"""


class Retry(msgspec.Struct, frozen=True):
    """A job's retry policy, as it is submitted, stored and shown."""

    max_attempts: Annotated[int, msgspec.Meta(ge=1, le=21)] = 4
    """Attempts in all, the first included; 1 means at most once."""

    backoff: Backoff = Backoff.EXPONENTIAL
    """How the wait grows."""

    base_seconds: Annotated[float, msgspec.Meta(ge=0, le=604_800)] = 30.0
    """The wait after the first failure, before jitter."""

    max_seconds: Annotated[float, msgspec.Meta(ge=0, le=604_800)] = 3600.0
    """No wait is longer, jitter and `Retry-After` included."""

    jitter: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.25
    """The part of the wait that chance may add or take away."""


def delay(retry: Retry, attempt: int, *, roll: float) -> float:
    """Seconds to wait after attempt number `attempt` (from 1) failed."""
    nominal = _nominal(retry, max(attempt, 1))
    low = nominal * (1.0 - retry.jitter)
    high = min(nominal * (1.0 + retry.jitter), retry.max_seconds)
    return min(low + (high - low) * roll, high)


def after_loss(losses: int, retry: Retry, attempt: int, *, roll: float) -> float:
    """Seconds to wait after attempt number `attempt` was lost, the `losses`-th loss in a row (from 1).

    One loss is the scheduler's fault and costs almost nothing. From the second on, the job itself may be what
    kills its replicas, so it waits as its policy says.
    """
    if losses <= 1:
        return min(FIRST_LOSS_SECONDS, retry.max_seconds) * roll
    return delay(retry, attempt, roll=roll)


def honour(retry: Retry, computed: float, retry_after: float | None) -> float:
    """The wait when the target named one itself: at least that long, but never above `max_seconds`.

    A target may lengthen the policy's wait and never shorten it: `Retry-After: 0` from an overloaded target
    must not turn a backoff into a tight loop. It cannot park a job beyond the cap its owner chose either.
    """
    if retry_after is None:
        return computed
    return min(max(computed, retry_after), retry.max_seconds)


def _nominal(retry: Retry, attempt: int) -> float:
    """The wait before jitter; an overlong one is the cap, never an overflow."""
    if retry.backoff is Backoff.LINEAR:
        return min(retry.base_seconds * min(attempt, _MOST_STEPS), retry.max_seconds)
    return min(retry.base_seconds * 2.0 ** min(attempt - 1, _MOST_DOUBLINGS), retry.max_seconds)
