"""Whether this replica may still act: it fences itself before the reaper takes its leases.

The reaper takes them when the row this replica wrote has expired by the database's clock. The row was
written after the beat was sent, so an instant taken before sending, plus the time to live, is never later
than that expiry. A margin covers the way from the check to the wire. The clock counts suspended time, so a
replica that was frozen or slept finds itself fenced at its first look.

A beat brings the replica back, not its leases: they may have been taken in between. So every unbroken stretch
of life is a term of its own, and a lease may be acted on only in the term it was claimed in.
"""

from core.clock import Clock, boottime


class Fence:
    """Set by the heartbeat's thread, read by the loop's; a float is written and read whole."""

    def __init__(self, *, ttl_seconds: float, now: Clock = boottime) -> None:
        self._now = now
        self._life = ttl_seconds * 0.8
        self._beaten_at: float | None = None
        self._term = 0

    @property
    def term(self) -> int:
        """Which stretch of life this is; read it before claiming."""
        return self._term

    def beaten(self, sent_at: float) -> None:
        """A beat that was sent at this instant has arrived."""
        if not self.alive():
            self._term += 1
        self._beaten_at = sent_at

    def alive(self) -> bool:
        """Whether work may be claimed. Ask right before."""
        return self._beaten_at is not None and self._now() - self._beaten_at < self._life

    def holds(self, term: int) -> bool:
        """Whether a lease claimed in this term is still ours for certain. Ask right before each dial."""
        # In this order: a beat that ends a lapse moves the term before it can be seen alive again.
        return self.alive() and term == self._term
