"""Hours in minutes: a transaction nobody ends, a million jobs at once, and a steady day.

What is asked is whether the last minute is as good as the first.
"""

import asyncio
import statistics
import time
from collections.abc import Mapping

from benchmarks import figures, growing, statement_log, throughput, work
from benchmarks.feeding import Feed, sampled
from benchmarks.figures import percentile
from benchmarks.programs import Program
from benchmarks.stand import Room, Stand, connected
from benchmarks.work import Order

_RATE = 500.0
_TENTH = 10
_PATIENCE_SECONDS = 3600.0


async def pinned(stand: Stand, seconds: float) -> Mapping[str, float]:
    """A transaction stays open while jobs come and go: no dead row can be removed meanwhile."""
    async with stand.room() as room, connected(room.dsn) as holder:
        await statement_log.switch_on(room)
        since = stand.server.log.stat().st_size
        async with room.scheduler() as scheduler, holder.transaction(isolation="repeatable_read"):
            await holder.execute("SELECT txid_current()")
            feed = Feed(room, throughput.order(stand), rate=_RATE)
            late = await _punctual(room, feed, scheduler, seconds)
            dead = await room.db.fetchval("SELECT sum(n_dead_tup)::float8 FROM pg_stat_user_tables")
    claims = statement_log.claims(stand.server.log, since)
    first, last = tenths(claims)
    return {
        **late,
        "claim_p99_start_ms": first,
        "claim_p99_end_ms": last,
        "claim_p99_ratio": last / first,
        "dead_rows": dead,
    }


def tenths(timed: list[tuple[float, float]]) -> tuple[float, float]:
    """The p99 of the first and of the last tenth of the time."""
    start, end = timed[0][0], timed[-1][0]
    share = (end - start) / _TENTH
    first = sorted(ms for at, ms in timed if at <= start + share)
    last = sorted(ms for at, ms in timed if at >= end - share)
    return percentile(first, 99), percentile(last, 99)


async def backlog(stand: Stand, count: int, *, rate: float = 100.0) -> Mapping[str, float]:
    """One tenant's backlog is drained while another one's jobs keep coming and want to be on time."""
    async with stand.room() as room:
        [other] = await growing.tenants(room, 1)
        await work.store(room.db, work.due_now(throughput.order(stand), count))
        await stand.receiver.reset()
        async with room.scheduler() as scheduler:
            began = await stand.receiver.until(1, scheduler)
            feed = Feed(room, Order(tenants=[other], url=stand.receiver.url()), rate=rate)
            feeding = asyncio.create_task(_until_done(feed, stand, count))
            done = await stand.receiver.until(count, scheduler, within=_PATIENCE_SECONDS)
            fed = await feeding
            await stand.receiver.until(count + fed, scheduler)
            late = figures.lateness(await stand.receiver.ledger(), feed.due)
    return {
        "jobs_per_s": count / (done - began),
        "late_p50_ms": late.p50_ms,
        "late_p99_ms": late.p99_ms,
        "late_max_ms": late.max_ms,
    }


async def _until_done(feed: Feed, stand: Stand, count: int) -> int:
    """Feed in portions until the backlog is gone; how many jobs that were."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while (await stand.receiver.count())[0] < count and time.monotonic() < end:
        await feed.run(5.0)
    return len(feed.due)


async def soak(stand: Stand, seconds: float) -> Mapping[str, float]:
    """A steady load; memory at the beginning and at the end."""
    async with stand.room() as room, room.scheduler() as scheduler:
        feed = Feed(room, throughput.order(stand), rate=_RATE)
        watching = asyncio.create_task(sampled(seconds, scheduler.resident_mb, every=seconds / 60))
        late = await _punctual(room, feed, scheduler, seconds)
        seen = await watching
    warm, end = seen[len(seen) // 3], statistics.median(seen[-5:])
    return {**late, "rss_mb": end, "rss_growth_mb": end - warm}


async def _punctual(room: Room, feed: Feed, scheduler: Program, seconds: float) -> Mapping[str, float]:
    receiver = room.stand.receiver
    await receiver.reset()
    await feed.run(seconds)
    await receiver.until(len(feed.due), scheduler)
    late = figures.lateness(await receiver.ledger(), feed.due)
    return {"late_p50_ms": late.p50_ms, "late_p99_ms": late.p99_ms, "late_max_ms": late.max_ms}
