"""Writing what became of leases, many at a time.

While one statement is on its way, results gather for the next, so batches grow with the load by themselves.
A result leaves the queue only when the database has answered for it: after an outage the same statement is
sent again, and its fence tells what had been applied before.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from core import log, metrics
from core.clock import Clock
from core.db import Database, Raw, is_refused
from core.jobs import store as jobs
from core.jobs.model import Fate, Settled, Settlement
from scheduler.flights import Flight, Flights
from scheduler.halving import halved

_BATCH = 500

_log = log.get(__name__)


class Settler:
    """Takes results and writes them. ``due`` is told when a job comes due again; ``wake`` that work waits."""

    def __init__(
        self,
        database: Database,
        flights: Flights,
        *,
        due: Callable[[float], object],
        now: Clock = time.monotonic,
    ) -> None:
        self._database = database
        self._flights = flights
        self._due = due
        self._now = now
        self._waiting: deque[tuple[Flight, Settlement]] = deque()
        self.wake: Callable[[], object] = lambda: None
        self.traced: Callable[[Flight, Settlement, Settled], object] = lambda *_: None
        """Told of each that is written and whose trace is recorded."""
        metrics.unsettled.set_function(self.__len__)

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, flight: Flight, settlement: Settlement) -> None:
        """Have a lease ended."""
        self._flights.settles(flight)
        self._waiting.append((flight, settlement))
        self.wake()

    async def once(self) -> int:
        """Write one batch; how many results it had. Raises what the database raises, and keeps the batch."""
        batch = [self._waiting[i] for i in range(min(_BATCH, len(self._waiting)))]
        if not batch:
            return 0
        now = self._now()
        rows = [msgspec.structs.replace(one, started_ago=now - flight.started) for flight, one in batch]
        with metrics.settle_seconds.time():
            async with self._database.raw() as db:
                answers = await settle(db, rows)
        for _ in batch:
            self._waiting.popleft()
        fates = {answer.lease_token: answer for answer in answers}
        settled = [(*one, fates[one[1].lease_token]) for one in batch if one[1].lease_token in fates]
        for one in settled:
            self._settled(*one)
        log.lines(_log, "attempt_settled", (_told(*one) for one in settled))
        _count([(settlement, answer.fate) for _, settlement, answer in settled])
        _measure(
            [
                (flight, settlement)
                for flight, settlement, answer in settled
                if settlement.outcome is not None and answer.fate is not Fate.FENCED
            ]
        )
        return len(batch)

    def _settled(self, flight: Flight, settlement: Settlement, answer: Settled) -> None:
        self._flights.remove(settlement.lease_token)
        if answer.due_at is not None:
            self._due(answer.due_at)
        if flight.trace is not None:
            self.traced(flight, settlement, answer)


def _told(flight: Flight, settlement: Settlement, answer: Settled) -> dict[str, Any]:
    traced = {} if flight.trace is None else {"trace_id": flight.trace.call.context.trace_id}
    return {
        "job_id": answer.job_id,
        "attempt": settlement.attempt,
        "fate": answer.fate,
        "outcome": settlement.outcome,
        "request_id": settlement.request_id,
        "status": settlement.status,
        "error_code": settlement.error_code,
        "duration_ms": round(settlement.duration * 1000, 1),
        "lease_token": settlement.lease_token,
        "tenant_id": flight.lease.tenant_id,
        **traced,
    }


async def settle(db: Raw, rows: Sequence[Settlement]) -> list[Settled]:
    """Settle all of them, whatever one row holds.

    What the database refuses as data is halved until the row is found; that row is settled without its
    response and error text, under the code `internal_error`. Its outcome stands: a job that was delivered
    must not be delivered again because its answer cannot be stored. Should even that be refused, the row has
    no answer here, and its lease stays until the reaper comes: the others must not wait for it.
    """
    return await halved(rows, partial(jobs.settle, db), partial(_alone, db))


async def _alone(db: Raw, row: Settlement, error: Exception) -> list[Settled]:
    _log.error("settlement_refused", job_id=str(row.job_id), error=type(error).__name__)
    try:
        return await jobs.settle(db, [_bare(row)])
    except Exception as again:
        if not is_refused(again):
            raise
        _log.error("settlement_impossible", job_id=str(row.job_id), error=repr(again))
        return []


def _bare(row: Settlement) -> Settlement:
    return Settlement(
        job_id=row.job_id,
        attempt=row.attempt,
        lease_token=row.lease_token,
        outcome=row.outcome,
        retry_seconds=row.retry_seconds,
        started_ago=row.started_ago,
        duration=row.duration,
        request_id=row.request_id,
        error_code="internal_error",
        error_message="What the target answered could not be stored.",
    )


def _count(settled: Sequence[tuple[Settlement, Fate]]) -> None:
    """What a batch adds to the metrics, added up first: each touch of a metric takes a lock."""
    fates = Counter(fate for _, fate in settled)
    ours = [one for one, fate in settled if fate is not Fate.FENCED]
    outcomes = Counter(one.outcome for one in ours)
    metrics.fenced.inc(fates[Fate.FENCED])
    metrics.retries.inc(fates[Fate.RETRYING])
    metrics.returned.inc(outcomes.pop(None, 0))
    for outcome, count in outcomes.items():
        metrics.attempts.labels(outcome).inc(count)
    for state in (Fate.SUCCEEDED, Fate.FAILED, Fate.CANCELLED):
        if state in fates:
            metrics.jobs_ended.labels(state).inc(fates[state])


def _measure(ended: Sequence[tuple[Flight, Settlement]]) -> None:
    """How late the attempts of a batch were claimed and written, and how long they took."""
    flights = [flight for flight, _ in ended]
    metrics.claim_lateness.observe_all([max(0.0, one.late - (one.started - one.claimed)) for one in flights])
    metrics.first_byte.observe_all(
        [max(0.0, one.late + one.written - one.started) for one in flights if one.written]
    )
    metrics.duration.observe_all([settlement.duration for _, settlement in ended])
