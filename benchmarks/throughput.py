"""How many due jobs a second are done, and what each costs, for every contender that is ours.

All that is to be done is stored before the contender starts; the middle 70 % are measured. Contenders take
turns, so that what the machine does meanwhile meets all of them.
"""

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from benchmarks import marks, readings, work
from benchmarks.figures import Tally
from benchmarks.programs import Program, python
from benchmarks.readings import Cost
from benchmarks.stand import Room, Stand
from benchmarks.work import Order

UNSENT = "benchmarks.unsent"
"""A scheduler that sends nothing."""

_RAW_CALLS = 128
_PATIENCE_SECONDS = 600.0

Contender = Callable[[Stand, int], Awaitable[Mapping[str, float]]]


def fields(cost: Cost) -> dict[str, float]:
    found: dict[str, float] = msgspec.structs.asdict(cost)
    return found


def order(stand: Stand, path: str = "/hook", *, body_bytes: int = work.BODY_BYTES) -> Order:
    """The stand's one tenant calls the receiver."""
    return Order(tenants=[stand.tenant], url=stand.receiver.url(path), body_bytes=body_bytes)


async def one_scheduler(stand: Stand, count: int) -> Mapping[str, float]:
    return fields(await http(stand, count))


async def two_schedulers(stand: Stand, count: int) -> Mapping[str, float]:
    return fields(await http(stand, count, replicas=2))


async def http(stand: Stand, count: int, *, replicas: int = 1) -> Cost:
    """A backlog drained over HTTP."""
    async with stand.room() as room:
        await work.store(room.db, work.due_now(order(stand), count))
        return await drained(room, count, replicas=replicas)


async def drained(room: Room, count: int, *, replicas: int = 1) -> Cost:
    """Start schedulers on a backlog of ``count`` jobs and measure the middle of their work."""
    receiver, read = room.stand.receiver, []
    await receiver.reset()
    schedulers = [room.scheduler(number) for number in range(1, replicas + 1)]
    try:
        for mark in marks.window(count):
            await receiver.until(mark, *schedulers, within=_PATIENCE_SECONDS)
            jobs, at = await receiver.count()
            read.append(await readings.read(room, schedulers, jobs=jobs, at=at))
        await receiver.until(count, *schedulers)
    finally:
        for scheduler in schedulers:
            await scheduler.stop()
    return readings.between(*read)


async def raw_sender(stand: Stand, count: int) -> Mapping[str, float]:
    """The sender alone."""
    arguments = (stand.receiver.url(), str(count), str(_RAW_CALLS))
    command = python("benchmarks.raw_sender", *arguments)
    async with Program("raw-sender", command, {}, folder=stand.folder) as sender:
        first, cpu = marks.parse(await sender.line()), sender.cpu()
        last, used = marks.parse(await sender.line()), sender.cpu() - cpu
    jobs = last[0] - first[0]
    return {"per_s": jobs / (last[1] - first[1]), "cpu_us": used / jobs * 1e6}


async def bare_loop(stand: Stand, count: int) -> Mapping[str, float]:
    """The hot statements alone."""
    return fields(await _alone(stand, "benchmarks.bare_loop", count))


async def unsent(stand: Stand, count: int) -> Mapping[str, float]:
    """A scheduler that sends nothing."""
    return fields(await _alone(stand, UNSENT, count))


async def _alone(stand: Stand, module: str, count: int) -> Cost:
    async with stand.room() as room:
        await work.store(room.db, work.due_now(order(stand), count))
        return await counting(room, module, count)


async def counting(room: Room, module: str, count: int) -> Cost:
    """A contender that says its own marks, on a backlog of ``count`` jobs."""
    async with room.start(module, python(module, str(count))) as program:
        read = []
        for _ in range(2):
            jobs, at = marks.parse(await program.line(within=_PATIENCE_SECONDS))
            read.append(await readings.read(room, [program], jobs=jobs, at=at))
    return readings.between(*read)


async def wal(stand: Stand, count: int) -> Mapping[str, float]:
    """WAL of creating and of running a job with 1 KiB of body and an answer of 100 bytes."""
    async with stand.room() as room:
        before = await readings.read(room, [], jobs=0)
        await work.store(room.db, work.due_now(order(stand, body_bytes=1024), count))
        after = await readings.read(room, [], jobs=count)
        ran = await drained(room, count)
    create, run = readings.between(before, after).wal_bytes_per_job, ran.wal_bytes_per_job
    return {"create": create, "run": run, "create_and_run": create + run}


OURS: Mapping[str, Contender] = {
    "http_": one_scheduler,
    "raw_sender_": raw_sender,
    "bare_loop_": bare_loop,
    "noop_": unsent,
    "http_two_": two_schedulers,
}


async def rounds(
    stand: Stand, contenders: Mapping[str, Contender], *, count: int, times: int, tally: Tally
) -> None:
    """Every contender once, then again, so many times."""
    for number in range(1, times + 1):
        for prefix, contender in contenders.items():
            found = await contender(stand, count)
            tally.add(prefix, found)
            rate = found.get("jobs_per_s") or found["per_s"]
            print(f"  round {number}: {prefix.rstrip('_'):20} {rate:10,.0f}/s")
