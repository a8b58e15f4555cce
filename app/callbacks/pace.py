"""How often one attempt may tell something: a bucket for each, in this process alone. No database.

What an attempt tells altogether is bounded by the history itself; this keeps one that tells without end from
asking the database each time.
"""

import time
from collections import OrderedDict
from uuid import UUID

from core.clock import Clock

PER_SECOND = 5.0
BURST = 20
_REMEMBERED = 10_000


class Pace:
    """The buckets of the attempts that told something lately."""

    def __init__(self, now: Clock = time.monotonic) -> None:
        self._now = now
        self._left: OrderedDict[UUID, tuple[float, float]] = OrderedDict()
        """What was in each bucket, and when."""

    def wait(self, lease_token: UUID) -> float:
        """Take one; more than 0 if there is none, and then after how many seconds there is."""
        now = self._now()
        left, at = self._left.pop(lease_token, (float(BURST), now))
        left = min(float(BURST), left + (now - at) * PER_SECOND)
        taken = left >= 1.0
        self._left[lease_token] = (left - taken, now)
        if len(self._left) > _REMEMBERED:
            self._left.popitem(last=False)
        return 0.0 if taken else (1.0 - left) / PER_SECOND
