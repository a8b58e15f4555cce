"""How long after its instant a job's call arrives, at a steady rate, all at once, and for retries.

The jobs are stored beforehand and spread evenly over their seconds; the scheduler is up and idle before the
first. Arrival is the receiver's clock, the instant is the job's own. The first tenth of the time is left out.
"""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence

from benchmarks import figures, throughput, work
from benchmarks.figures import Lateness
from benchmarks.programs import Broken
from benchmarks.stand import Room, Stand
from benchmarks.work import PUNCTUAL_RETRY

_WARM_SECONDS = 2.0
_LEAD_SECONDS = 1.5
_ENDED_SECONDS = 0.7
_STORES_PER_S = 2_500.0


def spread(start: float, rate: float, seconds: float) -> list[float]:
    """Instants of a steady rate."""
    return [start + index / rate for index in range(int(rate * seconds))]


def start_of(count: int) -> float:
    """An instant that is still ahead when so many jobs have been stored."""
    return time.time() + _LEAD_SECONDS + count / _STORES_PER_S


async def steady(stand: Stand, *, rate: float, seconds: float) -> Lateness:
    """So many jobs a second, for so long."""
    return await _punctual(stand, spread(0.0, rate, seconds))


async def at_once(stand: Stand, count: int) -> Lateness:
    """All due at the same instant."""
    return await _punctual(stand, [0.0] * count)


async def retries(stand: Stand, *, rate: float, seconds: float) -> Lateness:
    """Second attempts, by the instants that the first one's settlement set."""
    async with stand.room() as room, room.scheduler() as scheduler:
        await asyncio.sleep(_WARM_SECONDS)
        await stand.receiver.reset()
        instants = spread(start_of(int(rate * seconds)), rate, seconds)
        flaky = throughput.order(stand, "/flaky")
        order = work.Order(tenants=flaky.tenants, url=flaky.url, retry=PUNCTUAL_RETRY)
        await work.store(room.db, work.due_at(order, instants))
        due = await _retries_due(room, instants[-1])
        await stand.receiver.until(2 * len(instants), scheduler)
        calls = list(await stand.receiver.ledger())
    return figures.lateness(second_calls(calls), due)


def second_calls(calls: Iterable[tuple[str, float]]) -> Iterator[tuple[str, float]]:
    """All but the first of each job."""
    seen: set[str] = set()
    for job, at in calls:
        if job in seen:
            yield job, at
        seen.add(job)


async def _retries_due(room: Room, last: float) -> dict[str, float]:
    """Read once, while all wait: after the last first attempt, before the first second one is claimed."""
    await asyncio.sleep(max(0.0, last + _ENDED_SECONDS - time.time()))
    rows = await room.db.fetch(
        "SELECT job_id, extract(epoch FROM due_at)::float8 FROM timers WHERE attempt = 2"
    )
    if not rows:
        raise Broken("no retry was seen waiting")
    return {str(job): at for job, at in rows}


async def _punctual(stand: Stand, offsets: Sequence[float]) -> Lateness:
    async with stand.room() as room, room.scheduler() as scheduler:
        await asyncio.sleep(_WARM_SECONDS)
        await stand.receiver.reset()
        start = start_of(len(offsets))
        instants = [start + offset for offset in offsets]
        made = await work.store(room.db, work.due_at(throughput.order(stand), instants))
        if time.time() > instants[0]:
            raise Broken("storing took too long: the first jobs were due before the last was in")
        await stand.receiver.until(len(made), scheduler)
        due = {str(job): at for job, at in zip(made, instants, strict=True)}
        return figures.lateness(await stand.receiver.ledger(), figures.warm(due))
