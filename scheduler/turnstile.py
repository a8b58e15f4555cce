"""Which limited lanes are worth a claim now, in which order, and when the others will be.

A lane that gave nothing is left out until one of its jobs, or of its tenant's, ended here, or for a moment,
since one may have ended elsewhere; a lane whose rate is spent, until its next instant. So a blocked lane
costs no statement. Who was served longest ago is first: lanes that share a limit take turns.
"""

from collections.abc import Container, Iterable, Sequence
from uuid import UUID

import msgspec

from core import metrics
from core.clock import Clock
from core.jobs.limits import Claimed
from core.jobs.model import Lane

_AGAIN_SECONDS = 0.1
_LONGEST_SECONDS = 1.0
"""A rate may have been raised meanwhile."""
_MOST = 10_000


class _Rest(msgspec.Struct, frozen=True):
    """Until when a lane is left out."""

    until: float
    by_rate: bool
    """Whether the end of a job changes nothing."""


class Turnstile:
    """Remembers what limited lanes gave."""

    def __init__(self, *, now: Clock) -> None:
        self._now = now
        self._rests: dict[Lane, _Rest] = {}
        self._served: dict[Lane, float] = {}
        self._held: dict[UUID, Lane] = {}

    def open(self, lanes: Sequence[Lane], held: Container[UUID]) -> list[Lane]:
        """Those worth a claim; `held` are the tokens of the leases that this replica still has."""
        self._free(held)
        now = self._now()
        for lane in [lane for lane, rest in self._rests.items() if rest.until <= now]:
            del self._rests[lane]
        return sorted(
            (lane for lane in lanes if lane not in self._rests),
            key=lambda lane: self._served.get(lane, 0.0),
        )

    def took(self, asked: Iterable[Lane], claimed: Claimed) -> None:
        """What these lanes gave."""
        now, lanes = self._now(), {(lane.needs, lane.queue_id): lane for lane in asked}
        held = {lease.lease_token: lanes[lease.needs, lease.queue_id] for lease in claimed.leases}
        gave = set(held.values())
        self._held |= held
        if len(self._served) > _MOST:
            self._served.clear()
        self._served |= dict.fromkeys(gave, now)
        for lane in lanes.values():
            if (pause := claimed.pauses.get(lane.queue_id)) is not None:
                metrics.limited.labels("rate").inc()
                self._rests[lane] = _Rest(now + min(pause, _LONGEST_SECONDS), by_rate=True)
            elif lane not in gave:
                metrics.limited.labels("concurrency").inc()
                self._rests[lane] = _Rest(now + _AGAIN_SECONDS, by_rate=False)

    def pause(self) -> float | None:
        """Seconds until the first lane that is left out is worth a claim again; none when none is."""
        now = self._now()
        return min((max(0.0, rest.until - now) for rest in self._rests.values()), default=None)

    def _free(self, held: Container[UUID]) -> None:
        gone = [token for token in self._held if token not in held]
        lanes = {self._held.pop(token) for token in gone}
        tenants, queues = {lane.tenant_id for lane in lanes}, {lane.queue_id for lane in lanes}
        for lane, rest in list(self._rests.items()) if lanes else ():
            if not rest.by_rate and (lane.tenant_id in tenants or lane.queue_id in queues):
                del self._rests[lane]
