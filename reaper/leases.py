"""The sweep that makes a crash an attempt: leases that nobody keeps end as `lost`.

Two reapers may sweep at once: the rows are locked as they are read, and the DELETE in the settling statement
is the fence, so a reaper and a late replica race for one row and exactly one of them wins.

An outage of the database is not the death of the fleet: after it every replica's row has expired at once. So
the reaper acts only when its own view has been without a gap for a whole time to live, in which every live
replica had the time to beat. An answer that was long in coming is a gap too: the database may have stood
still.
"""

import random
import time

import msgspec

from core import log, metrics
from core.clock import Clock, boottime
from core.db import Database
from core.jobs import backoff
from core.jobs import store as jobs
from core.jobs.backoff import Retry
from core.jobs.model import Expired, Fate, Outcome, Settled, Settlement
from core.tracing.context import stored
from core.tracing.tracer import Attributes, Tracer

_BATCH = 200
_OVERRUN_SECONDS = 10.0

_log = log.get(__name__)
_retries = msgspec.json.Decoder(Retry)


class LeaseSweep:
    """Ends what lost its replica."""

    def __init__(
        self,
        database: Database,
        *,
        ttl_seconds: float,
        now: Clock = boottime,
        tracer: Tracer | None = None,
    ) -> None:
        self._database = database
        self._tracer = tracer
        self._ttl = ttl_seconds
        self._now = now
        self._seen_at: float | None = None
        self._clear_since = now()

    async def once(self) -> int:
        """One batch; how many leases it ended. Does nothing until the view has been clear for a TTL."""
        try:
            answers = await self._sweep()
        except BaseException:
            self._seen_at = None
            raise
        for answer in answers:
            _reaped(answer)
        return len(answers)

    async def _sweep(self) -> list[Settled]:
        async with self._database.raw() as db:
            waiting = await jobs.any_expired(db, margin_seconds=_OVERRUN_SECONDS)
            if not self._clear() or not waiting:
                return []
            async with db.transaction():
                expired = await jobs.expired(db, limit=_BATCH, margin_seconds=_OVERRUN_SECONDS)
                if not self._clear() or not expired:
                    return []
                answers = await jobs.settle(db, [lost(lease) for lease in expired])
        if self._tracer is not None:
            for lease in expired:
                _record(self._tracer, lease)
        return answers

    def _clear(self) -> bool:
        """Note that the database has just answered; whether it has done so without a gap for a whole TTL."""
        now = self._now()
        if self._seen_at is None or now - self._seen_at > self._ttl / 2:
            self._clear_since = now
        self._seen_at = now
        return now - self._clear_since >= self._ttl


def _record(tracer: Tracer, lease: Expired) -> None:
    """The span of an attempt whose own replica cannot tell of it any more."""
    parent = stored(lease.trace)
    if parent is None or not parent.sampled:
        return
    told: Attributes = {
        "noonmark.job.id": str(lease.job_id),
        "noonmark.attempt": lease.attempt,
        "noonmark.outcome": str(Outcome.LOST),
    }
    span = tracer.begin("attempt", parent=parent, at=time.time() - lease.held_seconds, attributes=told)
    if span is not None:
        span.end(failed="replica_lost")


def lost(lease: Expired) -> Settlement:
    """An attempt nobody will report on: retried by the policy if attempts are left, soon the first time."""
    retry = _retries.decode(lease.retry)
    return Settlement(
        job_id=lease.job_id,
        attempt=lease.attempt,
        lease_token=lease.lease_token,
        outcome=Outcome.LOST,
        retry_seconds=_wait(lease, retry),
        started_ago=lease.held_seconds,
        duration=lease.held_seconds,
        request_id=f"{lease.request_id}-{lease.attempt}",
        error_code="replica_lost",
        error_message="The replica stopped beating; whether the call was made is not known.",
    )


def _wait(lease: Expired, retry: Retry) -> float | None:
    if lease.attempt >= retry.max_attempts:
        return None
    seconds = backoff.after_loss(lease.losses + 1, retry, lease.attempt, roll=random.random())
    return None if lease.expires_in is not None and lease.expires_in <= seconds else seconds


def _reaped(answer: Settled) -> None:
    metrics.reaped.inc()
    metrics.attempts.labels(Outcome.LOST).inc()
    if answer.fate is Fate.RETRYING:
        metrics.retries.inc()
    elif answer.fate in (Fate.FAILED, Fate.CANCELLED):
        metrics.jobs_ended.labels(answer.fate).inc()
    _log.warning("lease_reaped", job_id=str(answer.job_id), fate=answer.fate)
