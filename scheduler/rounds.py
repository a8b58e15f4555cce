"""A round: look, take what is due soon, plan what is due, claim fairly, hand over to the dispatcher.

1. Survey: the database's clock, the next timer, the queues with due work. When nothing is due this one
   statement is the whole round. While more tenants wait than can be served, none is looked for.
2. Claim ahead: timers of the next moment, of queues where nothing waits, into half of the free slots. They
   are fired by a local timer, which is what makes a delivery prompt.
3. Plan: timers that are due and were not taken become ready.
4. Claim: ready jobs, shared out over tenants and their queues; limited queues first and under their limits,
   the others what is left.

Watermarks spare the statements the dead rows to the left of what is alive. Each lags far enough that a
row committed late, or ranked early by its priority, is still seen, and is dropped once a minute, or after
half of one when there is nothing to do, so that nothing depends on it.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from uuid import UUID

from core import metrics
from core.clock import Clock, DatabaseClock
from core.db import Database, Raw
from core.jobs import limits
from core.jobs import store as jobs
from core.jobs.model import Lane, Lease, Needs, Survey
from core.jobs.statements import RANK_SPAN_SECONDS
from scheduler.dispatcher import Dispatcher
from scheduler.fence import Fence
from scheduler.flights import Flight, Flights
from scheduler.secrets import Secrets
from scheduler.shares import Table, share
from scheduler.turnstile import Turnstile

AHEAD_SECONDS = 1.0
LOOK_SECONDS = 1.0
_BATCH = 256
_LAG_SECONDS = 10.0
_RESCAN_SECONDS = 60.0
_IDLE_RESCAN_SECONDS = 30.0
_SHORTEST_SECONDS = 0.01
_BLOCKED_SECONDS = 0.05
_BEAT_SECONDS = 0.05
_FIRST = UUID(int=0)
_CALLS = (Needs.HTTP,)


class Watermarks:
    """Where the live rows begin, as far as this replica knows."""

    def __init__(self, *, now: Clock) -> None:
        self._now = now
        self.forget()

    def forget(self) -> None:
        """Look at everything again."""
        self.timers: float | None = None
        self.lanes: dict[tuple[int, UUID], float] = {}
        self._since = self._now()

    def refresh(self, every: float = _RESCAN_SECONDS) -> None:
        """Forget, if that is so long ago: a look at everything costs as much as there are dead rows."""
        if self._now() - self._since > every:
            self.forget()

    def taken(self, leases: list[Lease]) -> None:
        """These were the first of their lanes: before them, less the lag, nothing is alive."""
        for lease in leases:
            self.lanes[lease.needs, lease.queue_id] = lease.due_at - RANK_SPAN_SECONDS - _LAG_SECONDS

    def of(self, lane: Lane) -> float | None:
        return self.lanes.get((lane.needs, lane.queue_id))

    def seen(self, now: float, next_due: float | None) -> None:
        """No timer is due before this one; one that comes later is due later than now, unless it lags."""
        self.timers = min(now, next_due if next_due is not None else now) - _LAG_SECONDS


class Rounds:
    """Takes work for this replica, as much as it has free slots."""

    def __init__(
        self,
        *,
        database: Database,
        replica: UUID,
        flights: Flights,
        dispatcher: Dispatcher,
        secrets: Secrets,
        fence: Fence,
        clock: DatabaseClock,
        offers: Sequence[int] = _CALLS,
        now: Clock = time.monotonic,
    ) -> None:
        """``offers`` are the needs of jobs that this replica answers; it never looks at others."""
        self._database = database
        self._replica = replica
        self._flights = flights
        self._dispatcher = dispatcher
        self._secrets = secrets
        self._fence = fence
        self._clock = clock
        self._offers = offers
        self._marks = Watermarks(now=now)
        self._turnstile = Turnstile(now=now)
        self._table = Table()
        self._seen: tuple[Lane, ...] = ()
        self._after = _FIRST
        self._now = now
        self._looked_at = 0.0
        self._dealt = 0
        self._term = 0
        self._pause = LOOK_SECONDS
        self.claiming = asyncio.Lock()
        """Held while a claim's answer is not in the book yet; reconciling takes it."""

    def pause(self) -> float:
        """Seconds until the next round is worth it."""
        return self._pause

    async def once(self) -> int:
        """One round; how many jobs it moved."""
        free = self._flights.free()
        if not self._fence.alive():
            self._pause = _BEAT_SECONDS
            return 0
        self._pause = LOOK_SECONDS
        if free <= 0:
            return 0
        self._term = self._fence.term
        self._marks.refresh()
        taken: list[Flight] = []
        try:
            async with self.claiming, self._database.raw() as db:
                look, whole = self._looks(free), self._after == _FIRST
                seen = await jobs.survey(
                    db, since=self._marks.timers, after=self._after, look=look, offers=self._offered()
                )
                self._clock.observe(seen.now)
                self._marks.seen(seen.now, seen.next_due)
                if look:
                    self._met(seen)
                moved = await self._take(db, seen, free, taken)
        except BaseException:
            # Whatever this statement met, what an earlier one claimed is ours. Each asks for its keys itself.
            self._dispatcher.start(taken)
            raise
        await self._begin(taken)
        if not moved:
            self._marks.refresh(_IDLE_RESCAN_SECONDS)
            self._pause = self._until(seen) if look and whole else _SHORTEST_SECONDS
            self._rise()
        return moved

    def _offered(self) -> Sequence[int]:
        """What this replica has room for now."""
        return self._offers if self._flights.free_for_code() > 0 else _CALLS

    def _with_room(self, quotas: Mapping[Lane, int]) -> dict[Lane, int]:
        """Those quotas, held to the slots that code may have."""
        room, held = self._flights.free_for_code(), {}
        for lane, quota in quotas.items():
            seats = quota if lane.needs == Needs.HTTP else min(quota, room)
            room -= seats if lane.needs != Needs.HTTP else 0
            if seats > 0:
                held[lane] = seats
        return held

    def _looks(self, free: int) -> bool:
        """Whether to look for lanes: not while those that were seen a moment ago fill this round."""
        if self._now() - self._looked_at > LOOK_SECONDS:
            self._rise()
        return len(self._table) < min(free, _BATCH)

    def _met(self, seen: Survey) -> None:
        """Enter what a look found."""
        if self._after == _FIRST:
            self._table.begin_around()
        self._seen, self._after, self._looked_at = seen.lanes, seen.goes_on_after, self._now()
        self._table.seat([lane for lane in seen.lanes if not lane.limited])

    def _rise(self) -> None:
        """Forget who waits: the next look begins with them."""
        if (lane := self._table.leave()) is not None:
            self._after = UUID(int=lane.queue_id.int - 1)

    async def _take(self, db: Raw, seen: Survey, free: int, taken: list[Flight]) -> int:
        """Steps 2 to 4, adding to ``taken`` what was claimed; how many jobs moved."""
        planned = 0
        if seen.next_due is not None and seen.next_due <= seen.now + AHEAD_SECONDS:
            taken += await self._claim_ahead(db, min(free // 2, _BATCH))
            if seen.next_due <= seen.now:
                planned = await self._plan(db)
        slots = min(free - len(taken), _BATCH)
        limited = await self._claim_limited(db, self._open(), slots)
        taken += limited
        taken += await self._claim(db, slots - len(limited))
        return planned + len(taken)

    def _open(self) -> list[Lane]:
        """The lanes that may give something; in the order of the look, since seats are dealt by it."""
        limited = [lane for lane in self._seen if lane.limited]
        if not limited:
            return list(self._seen)
        return [lane for lane in self._seen if not lane.limited] + self._turnstile.open(
            limited, self._flights
        )

    async def _claim_ahead(self, db: Raw, limit: int) -> list[Flight]:
        if limit == 0:
            return []
        leases = await jobs.claim_ahead(
            db, replica=self._replica, limit=limit, seconds=AHEAD_SECONDS, offers=_CALLS,
            behind=[lane.queue_id for lane in self._seen if lane.needs == Needs.HTTP],
        )  # fmt: skip
        metrics.claimed.labels("ahead").inc(len(leases))
        return self._dispatcher.hold(leases, term=self._term)

    async def _plan(self, db: Raw) -> int:
        count = await jobs.plan(db, limit=2 * _BATCH, since=self._marks.timers)
        metrics.planned.inc(count)
        return count

    async def _claim_limited(self, db: Raw, lanes: list[Lane], slots: int) -> list[Flight]:
        """Their shares of all slots; what they leave is for the others."""
        if not any(lane.limited for lane in lanes):
            return []
        quotas = self._with_room(share(lanes, slots, start=self._dealt))
        self._dealt += slots
        asked = [lane for lane in lanes if lane.limited and lane in quotas]
        if not asked:
            return []
        wanted = [(lane, quotas[lane], self._marks.of(lane)) for lane in asked]
        with metrics.claim_seconds.time():
            claimed = await limits.claim(db, wanted, replica=self._replica)
        self._turnstile.took(asked, claimed)
        self._marks.taken(claimed.leases)
        metrics.claimed.labels("ready").inc(len(claimed.leases))
        return self._dispatcher.hold(claimed.leases, term=self._term)

    async def _claim(self, db: Raw, slots: int) -> list[Flight]:
        quotas = self._with_room(self._table.deal(slots))
        if not quotas:
            return []
        wanted = [(lane.queue_id, quota, self._marks.of(lane)) for lane, quota in quotas.items()]
        with metrics.claim_seconds.time():
            needs = [lane.needs for lane in quotas]
            leases = await jobs.claim(db, wanted, replica=self._replica, needs=needs)
        if 2 * len(leases) < slots:
            # Others have been here: what was seen is old.
            self._rise()
        self._marks.taken(leases)
        metrics.claimed.labels("ready").inc(len(leases))
        return self._dispatcher.hold(leases, term=self._term)

    async def _begin(self, flights: list[Flight]) -> None:
        """Load the keys of all their tenants in one query; a flight whose keys failed tries by itself."""
        try:
            await self._secrets.load({flight.lease.tenant_id for flight in flights})
        finally:
            self._dispatcher.start(flights)

    def _until(self, seen: Survey) -> float:
        """When nothing moved: until the next timer comes into reach, at most until the next look."""
        if self._open():
            return _BLOCKED_SECONDS
        blocked = self._turnstile.pause() if seen.lanes else None
        longest = LOOK_SECONDS if blocked is None else min(max(blocked, _SHORTEST_SECONDS), LOOK_SECONDS)
        if seen.next_due is None:
            return longest
        early = seen.next_due - seen.now
        reach = early - AHEAD_SECONDS / 2 if early > AHEAD_SECONDS else early
        return min(max(reach, _SHORTEST_SECONDS), longest)
