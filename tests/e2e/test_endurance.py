"""Faults again and again, by a seed that is printed: minutes long, so these run before a change lands."""

import asyncio
import contextlib
import random

import pytest

from tests.e2e.conftest import Tell, working
from tests.e2e.fleet import Fleet
from tests.e2e.freezing import Moment, reach
from tests.e2e.history import Report
from tests.e2e.processes import Process
from tests.e2e.proxy import Proxy
from tests.e2e.work import Work

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(400)]

_JOBS = 1000
_KILLS = 12
_FREEZES = 100
_QUICK = {"NOONMARK_BEAT_SECONDS": "0.3", "NOONMARK_LEASE_TTL_SECONDS": "0.9"}


@pytest.mark.promise(1)
async def test_of_1000_jobs_none_is_lost_while_replicas_are_killed_every_two_seconds(
    fleet: Fleet, work: Work, chance: random.Random, tell: Tell
) -> None:
    settings = {"NOONMARK_CONCURRENCY": "24"}
    async with fleet.crew(3, reapers=2, settings=settings) as crew, contextlib.AsyncExitStack() as stack:
        asking = asyncio.create_task(_ask(work, chance))
        for _ in range(_KILLS):
            await work.elapsed(chance.uniform(1.5, 2.5))
            doomed = crew.pop(chance.randrange(len(crew)))
            await work.kill(doomed, sure=False)
            crew.append(await stack.enter_async_context(fleet.scheduler(settings=settings)))
        await asking
        await work.ended(within=120)
    report = await work.check()
    tell(f"{_KILLS} kills: {report}")
    assert (report.acked, report.lost) == (_JOBS, 0)
    assert report.duplicates > 0


async def _ask(work: Work, chance: random.Random) -> None:
    """Jobs for now and for soon, quick and slow, and some that fail at first, spread over the faults."""
    for _ in range(_JOBS // 20):
        orders = chance.choice(["after=0.1", "after=0.5", "after=2", "fail=1"])
        await work.submit(
            20, orders=orders, delay_seconds=chance.choice([0, 0, 1.5]), retry={"max_attempts": 15}
        )
        await work.elapsed(0.45)


@pytest.mark.promise(5)
async def test_in_100_freezes_no_replica_rewrites_anything_when_it_wakes(
    fleet: Fleet, chance: random.Random, tell: Tell
) -> None:
    total: list[Report] = []
    async with (
        Proxy(fleet.dsn) as proxy,
        fleet.reaper(settings=_QUICK),
        fleet.scheduler(settings=_QUICK) as other,
        fleet.scheduler(dsn=proxy.dsn, settings=_QUICK) as frozen,
    ):
        for round_number in range(_FREEZES):
            moment = list(Moment)[round_number % len(Moment)]
            async with working(fleet) as work:
                await _freeze_once(work, moment, proxy, frozen, other)
                total.append(await work.check())
    tell(
        f"{len(total)} freezes: rewritten {sum(one.rewritten for one in total)}, "
        f"duplicates {sum(one.duplicates for one in total)} (bound {sum(one.excused for one in total)}), "
        f"fenced {sum(one.fenced for one in total)}"
    )
    assert sum(one.fenced for one in total) > 0


async def _freeze_once(work: Work, moment: Moment, proxy: Proxy, frozen: Process, other: Process) -> None:
    """As one freeze alone; both replicas stay, and take turns."""
    await work.beating(frozen)
    other.freeze()
    go_on = await reach(moment, work, proxy, frozen)
    await work.freeze(frozen, in_flight=moment is not Moment.AFTER_THE_SETTLE)
    other.resume()
    await work.ended()
    await work.look()
    await work.expired(frozen)
    go_on()
    frozen.resume()
    await work.settled_by(frozen)
