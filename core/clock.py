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
    furthest ahead is the best. Old ones go, however few there are, so that a local clock that runs fast
    cannot carry the estimate past the truth: a full replica takes no samples for as long as it is full.
    """

    _SAMPLES = 8
    _SECONDS = 10.0

    def __init__(self, now: Clock) -> None:
        self._now = now
        self._taken: list[tuple[float, float]] = []
        # The best of them; asked for several times in each attempt.
        self._best: float | None = None

    def observe(self, reported: float) -> None:
        """Take a sample: seconds since the epoch by the database, answered just now."""
        now = self._now()
        recent = [sample for sample in self._taken if now - sample[0] < self._SECONDS]
        self._taken = [*recent[1 - self._SAMPLES :], (now, reported - now)]
        self._best = max(offset for _, offset in self._taken)

    def local(self, instant: float) -> float:
        """The local time at which the database's clock has certainly reached ``instant`` (epoch seconds)."""
        return instant - self._offset()

    def now(self) -> float:
        """The database's clock in epoch seconds, possibly a little behind."""
        return self._now() + self._offset()

    def _offset(self) -> float:
        if self._best is None:
            raise RuntimeError("the database's clock was asked for before it was read once")
        return self._best
