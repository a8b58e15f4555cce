"""What a job costs when there is much of everything: timers, finished jobs, tenants, replicas.

Judged by CPU and buffers per job, which are steady; by the rate only coarsely. Each is a ratio to the same
measured in the same database before it grew, or with one replica or tenant.
"""

import asyncio
import contextlib
import statistics
import time
from collections.abc import AsyncIterator, Mapping, Sequence

from benchmarks import growing, throughput, work
from benchmarks.readings import Cost
from benchmarks.stand import Room, Stand, connected
from benchmarks.work import Order

_SAMPLE_SECONDS = 0.1
_WAITS = """
SELECT count(*)::int, (count(*) FILTER (WHERE wait_event_type = 'Lock'))::int
FROM pg_stat_activity WHERE application_name = 'noonmark-scheduler' AND state = 'active'
"""


def ratios(before: Sequence[Cost], after: Sequence[Cost]) -> Mapping[str, float]:
    """Medians of after to those of before."""

    def middle(costs: Sequence[Cost], which: str) -> float:
        return statistics.median(throughput.fields(cost)[which] for cost in costs)

    def total(costs: Sequence[Cost]) -> float:
        return statistics.median(cost.cpu_us_per_job + cost.pg_cpu_us_per_job for cost in costs)

    return {
        "ratio": total(after) / total(before),
        "pg_cpu_ratio": middle(after, "pg_cpu_us_per_job") / middle(before, "pg_cpu_us_per_job"),
        "buffers_ratio": middle(after, "buffers_per_job") / middle(before, "buffers_per_job"),
        "rate_ratio": middle(after, "jobs_per_s") / middle(before, "jobs_per_s"),
    }


async def timers(stand: Stand, *, grown: int, jobs: int, times: int) -> Mapping[str, float]:
    """Future timers; the jobs that are done start as timers too."""
    async with stand.room() as room:
        before = [await _by_timers(room, jobs) for _ in range(times)]
        began = time.monotonic()
        await growing.timers(room, grown)
        print(f"    {grown:,} timers after {time.monotonic() - began:.0f} s")
        after = [await _by_timers(room, jobs) for _ in range(times)]
    return ratios(before, after)


async def finished(stand: Stand, *, grown: int, jobs: int, times: int) -> Mapping[str, float]:
    """Jobs that are over, with all that is kept of them."""
    async with stand.room() as room:
        before = [await _at_once(room, jobs) for _ in range(times)]
        await growing.finished(room, grown)
        after = [await _at_once(room, jobs) for _ in range(times)]
    return ratios(before, after)


async def tenants(
    stand: Stand, counts: Sequence[int], *, jobs: int, times: int
) -> dict[str, Mapping[str, float]]:
    """Tenants that all have due work, by prefix; beside one tenant with all of it.

    Tenants share no connection, so with many of them nearly every call dials. What their number costs apart
    from that is told by a scheduler that sends nothing.
    """
    sent: dict[int, list[Cost]] = {}
    unsent: dict[int, list[Cost]] = {}
    for _ in range(times):
        for count in (1, *counts):
            async with _owned(stand, count, jobs) as room:
                sent.setdefault(count, []).append(await throughput.drained(room, jobs))
            async with _owned(stand, count, jobs) as room:
                cost = await throughput.counting(room, throughput.UNSENT, jobs)
                unsent.setdefault(count, []).append(cost)
    return {f"tenants_{count}_": ratios(sent[1], sent[count]) for count in counts} | {
        f"tenants_{count}_unsent_": ratios(unsent[1], unsent[count]) for count in counts
    }


async def replicas(
    stand: Stand, counts: Sequence[int], *, jobs: int, times: int
) -> dict[str, Mapping[str, float]]:
    """More schedulers on the same backlog, by prefix; with the share of samples that waited for a lock."""
    costs: dict[int, list[Cost]] = {}
    waits: dict[int, list[float]] = {}
    for _ in range(times):
        for count in (1, *counts):
            async with stand.room() as room:
                await work.store(room.db, work.due_now(throughput.order(stand), jobs))
                async with waiting(room) as seen:
                    costs.setdefault(count, []).append(await throughput.drained(room, jobs, replicas=count))
                waits.setdefault(count, []).append(100 * seen[1] / max(seen[0], 1))
    return {
        f"replicas_{count}_": {
            **ratios(costs[1], costs[count]),
            "lock_wait_percent": statistics.median(waits[count]),
        }
        for count in counts
    }


@contextlib.asynccontextmanager
async def _owned(stand: Stand, tenants: int, jobs: int) -> AsyncIterator[Room]:
    """A room with due jobs of so many tenants."""
    async with stand.room() as room:
        order = Order(tenants=await growing.tenants(room, tenants), url=stand.receiver.url())
        await work.store(room.db, work.due_now(order, jobs))
        yield room


@contextlib.asynccontextmanager
async def waiting(room: Room) -> AsyncIterator[list[int]]:
    """Samples of the schedulers' sessions while the block runs: how many were active, how many in a lock."""
    seen, over = [0, 0], asyncio.Event()

    async def sample() -> None:
        async with connected(room.dsn) as db:
            while not over.is_set():
                active, locked = await db.fetchrow(_WAITS) or (0, 0)
                seen[0] += active
                seen[1] += locked
                await asyncio.sleep(_SAMPLE_SECONDS)

    sampling = asyncio.create_task(sample())
    try:
        yield seen
    finally:
        over.set()
        await sampling


async def _at_once(room: Room, count: int) -> Cost:
    await work.store(room.db, work.due_now(throughput.order(room.stand), count))
    return await throughput.drained(room, count)


async def _by_timers(room: Room, count: int) -> Cost:
    """A backlog of timers: all were due a moment ago when the scheduler starts."""
    due = time.time() + 1.0 + count / 2_500.0
    await work.store(room.db, work.due_at(throughput.order(room.stand), [due] * count))
    await asyncio.sleep(max(0.0, due + 1.5 - time.time()))
    return await throughput.drained(room, count)
