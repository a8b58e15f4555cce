"""The local clock, which only ever says how long to sleep or whether a lease may have run out.

What is due, expired or late is decided by the database's clock. ``boottime`` keeps counting while the
machine sleeps, so that a suspended replica wakes up knowing that it was gone.
"""

import time
from collections.abc import Callable

Clock = Callable[[], float]

_BOOTTIME: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boottime() -> float:
    """Seconds since an arbitrary start, counting suspended time where the system can."""
    return time.clock_gettime(_BOOTTIME)


class DatabaseClock:
    """An estimate of the database's clock that is never ahead of it.

    A sample pairs an instant the database reported with the local time its answer arrived: the database's
    clock had moved on by then, so ``reported + elapsed`` can only be behind. Of the recent samples the one
    furthest ahead is the best. Only recent ones count, so that a drifting local clock cannot carry the
    estimate past the truth.
    """

    _WINDOW = 8

    def __init__(self, now: Clock) -> None:
        self._now = now
        self._offsets: list[float] = []

    def observe(self, reported: float) -> None:
        """Take a sample: seconds since the epoch by the database, answered just now."""
        self._offsets.append(reported - self._now())
        del self._offsets[: -self._WINDOW]

    def local(self, instant: float) -> float:
        """The local time at which the database's clock has certainly reached ``instant`` (epoch seconds)."""
        return instant - self._offset

    def now(self) -> float:
        """The database's clock in epoch seconds, possibly a little behind."""
        return self._now() + self._offset

    @property
    def _offset(self) -> float:
        if not self._offsets:
            raise RuntimeError("the database's clock was asked for before it was read once")
        return max(self._offsets)
