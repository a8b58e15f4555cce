"""SIGTERM of a scheduler: nothing is lost, and nothing repeats that had the time to finish."""

import signal

import pytest

from tests.e2e.fleet import CALM, Fleet
from tests.e2e.proxy import Proxy
from tests.e2e.work import Work

_HASTY = {**CALM, "NOONMARK_DRAIN_SECONDS": "0.5"}


@pytest.mark.promise(9)
async def test_an_idle_replica_stops_at_once_and_leaves_no_trace(fleet: Fleet, work: Work) -> None:
    async with fleet.scheduler(settings=CALM) as idle:
        await work.beating(idle)
        idle.tell(signal.SIGTERM)
        assert await idle.exit(within=5) == 0
    assert await work.replicas(idle) == 0


@pytest.mark.promise(9)
async def test_a_busy_replica_finishes_its_calls_and_duplicates_nothing(fleet: Fleet, work: Work) -> None:
    async with fleet.crew(1, settings=CALM) as [busy]:
        await work.submit(20, orders="after=1")
        await work.arrived(20)
        busy.tell(signal.SIGTERM)
        assert await busy.exit() == 0
    assert {one.state for one in await work.ended(within=0)} == {"succeeded"}
    assert (await work.check()).duplicates == 0
    assert len(work.arrivals()) == 20


@pytest.mark.promise(9)
async def test_a_call_longer_than_the_drain_window_is_cut_off_and_made_again(
    fleet: Fleet, work: Work
) -> None:
    async with fleet.crew(1, settings=_HASTY) as [busy]:
        await work.submit(orders="hold=1")
        await work.arrived()
        await work.strike("SIGTERM", busy)
        busy.resume()
        busy.tell(signal.SIGTERM)
        assert await busy.exit(within=10) == 0
        [cut_off] = work.arrivals()
        assert cut_off.dropped
        async with fleet.scheduler(settings=CALM):
            await work.ended()
    assert (await work.check()).duplicates == 1
    [interrupted, done] = await work.attempts()
    assert (interrupted.outcome, done.outcome) == ("interrupted", "succeeded")
    assert interrupted.bytes_sent > 0


@pytest.mark.promise(9)
async def test_a_second_signal_ends_the_drain_early(fleet: Fleet, work: Work) -> None:
    async with fleet.crew(1, settings={**CALM, "NOONMARK_DRAIN_SECONDS": "60"}) as [busy]:
        await work.submit(orders="hold=1", retry={"max_attempts": 1})
        await work.arrived()
        busy.tell(signal.SIGTERM)
        await work.said(busy, "draining")
        busy.tell(signal.SIGTERM)
        assert await busy.exit(within=10) == 0
    await work.ended(within=0)
    assert await work.outcomes() == ["interrupted"]
    await work.check()


@pytest.mark.promise(9)
async def test_what_was_claimed_and_not_begun_is_given_back_and_burns_no_attempt(
    fleet: Fleet, work: Work
) -> None:
    async with fleet.crew(1, settings=CALM) as [leaving]:
        await work.beating(leaving)
        await work.submit(10, delay_seconds=1.5)
        await work.leased(10)
        leaving.tell(signal.SIGTERM)
        assert await leaving.exit(within=5) == 0
        assert work.arrivals() == []
        async with fleet.scheduler(settings=CALM):
            await work.ended()
    assert len(work.arrivals()) == 10
    assert (await work.check()).duplicates == 0
    assert {(one.number, one.outcome) for one in await work.attempts()} == {(1, "succeeded")}


@pytest.mark.promise(9)
async def test_a_replica_that_cannot_reach_the_database_stops_all_the_same(fleet: Fleet, work: Work) -> None:
    async with Proxy(fleet.dsn) as proxy, fleet.scheduler(dsn=proxy.dsn, settings=CALM) as cut_off:
        await work.beating(cut_off)
        proxy.silence()
        cut_off.tell(signal.SIGTERM)
        assert await cut_off.exit(within=10) == 0


@pytest.mark.promise(9)
async def test_replicas_come_and_go_under_load_and_duplicate_nothing(fleet: Fleet, work: Work) -> None:
    async with fleet.crew(1, settings=CALM) as [first]:
        leaving = first
        await work.beating(first)
        for _ in range(3):
            await work.submit(40, orders="after=0.2")
            joining = fleet.scheduler(settings=CALM)
            await work.beating(joining)
            leaving.tell(signal.SIGTERM)
            assert await leaving.exit() == 0
            leaving = joining
        await work.ended()
        leaving.tell(signal.SIGTERM)
        assert await leaving.exit() == 0
    assert (await work.check()).duplicates == 0
    assert len(work.arrivals()) == 120
