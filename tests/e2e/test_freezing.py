"""SIGSTOP of a scheduler past its leases, then SIGCONT: what comes back to life can change nothing.

Each test freezes a replica at one point of an attempt, lets the others end the job, and wakes it.
"""

import pytest

from tests.e2e.fleet import Fleet
from tests.e2e.processes import Process
from tests.e2e.proxy import Proxy, Where
from tests.e2e.waiting import wait_until
from tests.e2e.work import Work

pytestmark = pytest.mark.promise(5)


async def test_a_replica_frozen_before_its_call_does_not_make_it_when_it_wakes(
    fleet: Fleet, work: Work
) -> None:
    async with fleet.crew(1) as [frozen]:
        await work.beating(frozen)
        await work.submit(5, delay_seconds=1.5)
        await work.leased(5)
        await work.strike("freeze", frozen)
        assert work.arrivals() == []
        await _others_end_it(fleet, work)
        await _wake(work, frozen)
    assert (await work.check()).duplicates == 0
    assert {one.request.attempt for one in work.arrivals()} == {2}


async def test_an_answer_that_comes_while_its_replica_is_frozen_is_dropped(fleet: Fleet, work: Work) -> None:
    async with fleet.crew(1) as [frozen]:
        await work.submit(5, orders="hold=1")
        await work.arrived(5)
        await work.strike("freeze", frozen)
        await _others_end_it(fleet, work)
        fleet.release(work.group)
        await wait_until(
            lambda: sum(one.succeeded for one in work.arrivals()) == 10, within=5, what="both were answered"
        )
        await _wake(work, frozen)
    report = await work.check()
    assert (report.duplicates, report.fenced) == (5, 5)


async def test_a_settle_that_was_on_its_way_when_its_replica_froze_is_fenced(
    fleet: Fleet, work: Work
) -> None:
    async with Proxy(fleet.dsn) as proxy:
        settling = proxy.point("INSERT INTO attempts", Where.BEFORE)
        async with fleet.reaper(), fleet.scheduler(dsn=proxy.dsn) as frozen:
            await work.submit()
            await settling.stopped()
            await work.strike("freeze", frozen)
            await _others_end_it(fleet, work)
            settling.release()
            await _wake(work, frozen)
    report = await work.check()
    assert (report.duplicates, report.fenced) == (1, 1)


async def test_a_replica_frozen_after_its_settle_was_applied_wakes_to_find_it_done(
    fleet: Fleet, work: Work
) -> None:
    async with Proxy(fleet.dsn) as proxy:
        settled = proxy.point("INSERT INTO attempts", Where.AFTER)
        async with fleet.reaper(), fleet.scheduler(dsn=proxy.dsn) as frozen:
            await work.submit()
            await settled.stopped()
            frozen.freeze()
            await work.look()
            await work.reaped(frozen)
            settled.release()
            await _wake(work, frozen)
            await work.ended()
    assert (await work.check()).duplicates == 0
    assert await work.outcomes() == ["succeeded"]


async def test_a_beat_that_arrives_late_brings_no_lease_back(fleet: Fleet, work: Work) -> None:
    async with Proxy(fleet.dsn) as proxy, fleet.reaper(), fleet.scheduler(dsn=proxy.dsn) as frozen:
        await work.submit(5, orders="hold=1")
        await work.arrived(5)
        beating = proxy.point("INSERT INTO replicas", Where.BEFORE)
        await beating.stopped()
        await work.strike("freeze", frozen)
        await _others_end_it(fleet, work)
        beating.release()
        await _wake(work, frozen)
    report = await work.check()
    assert (report.duplicates, report.fenced) == (5, 5)


async def test_a_replica_that_was_frozen_works_again_when_it_wakes(fleet: Fleet, work: Work) -> None:
    async with fleet.crew(1) as [frozen]:
        await work.submit(orders="hold=1")
        await work.arrived()
        await work.strike("freeze", frozen)
        await _others_end_it(fleet, work)
        frozen.resume()
        await work.submit(5)
        await work.ended()
    await work.check()


async def _others_end_it(fleet: Fleet, work: Work) -> None:
    """Another replica delivers what the reaper took, and the endings are looked at."""
    async with fleet.scheduler():
        await work.ended()
    await work.look()


async def _wake(work: Work, frozen: Process) -> None:
    """Let it go on; it is asked to stop afterwards, and writes what it believes to be its own first."""
    frozen.resume()
    await work.beating(frozen)
