"""The link between a scheduler and PostgreSQL: cut at a statement, or silent for longer than a lease."""

import random

import pytest

from tests.e2e.fleet import CALM, Fleet
from tests.e2e.proxy import Proxy, Where
from tests.e2e.work import Work
from tests.waiting import wait_until

_PATIENT = {"NOONMARK_LEASE_TTL_SECONDS": "4"}
_SETTLE = "INSERT INTO attempts"


@pytest.mark.promise(3)
@pytest.mark.parametrize("where", list(Where))
async def test_a_settle_whose_link_is_cut_is_repeated_and_the_job_is_not(
    fleet: Fleet, work: Work, where: Where
) -> None:
    async with Proxy(fleet.dsn) as proxy:
        settling = proxy.point(_SETTLE, where)
        async with fleet.scheduler(dsn=proxy.dsn, settings=CALM) as cut:
            await work.submit(5)
            await settling.stopped()
            settling.cut()
            await work.ended()
    fates = [line["fate"] for line in cut.said("attempt_settled")]
    assert (await work.check()).duplicates == 0
    assert len(work.arrivals()) == 5
    assert ("repeated" in fates) == (where is Where.AFTER)


@pytest.mark.promise(3)
@pytest.mark.parametrize("where", list(Where))
async def test_a_claim_whose_link_is_cut_is_given_back_and_burns_no_attempt(
    fleet: Fleet, work: Work, where: Where
) -> None:
    async with Proxy(fleet.dsn) as proxy:
        claiming = proxy.point("INSERT INTO leases", where)
        async with fleet.scheduler(dsn=proxy.dsn, settings=CALM):
            await work.submit(5)
            await claiming.stopped()
            claiming.cut()
            await work.ended()
    assert (await work.check()).duplicates == 0
    assert {(one.number, one.outcome) for one in await work.attempts()} == {(1, "succeeded")}


@pytest.mark.promise(5)
async def test_a_replica_that_cannot_beat_cuts_off_its_own_calls_before_its_leases_are_taken(
    fleet: Fleet, work: Work
) -> None:
    async with (
        Proxy(fleet.dsn) as proxy,
        fleet.reaper(settings=_PATIENT),
        fleet.scheduler(dsn=proxy.dsn, settings=_PATIENT) as alone,
    ):
        await work.submit(3, orders="hold=1")
        await work.arrived(3)
        await work.strike("the link falls silent", alone)
        proxy.silence()
        alone.resume()
        await wait_until(
            lambda: all(one.dropped for one in work.arrivals()), within=10, what="the calls are cut off"
        )
        cut_off = work.arrivals()
        async with fleet.scheduler(settings=_PATIENT):
            await work.ended()
        await work.look()
        proxy.heal()
        await work.beating(alone)
        await work.submit(3)
        await work.ended()
    report = await work.check()
    assert report.duplicates == 3
    assert report.fenced == 3
    lost = [one for one in await work.attempts() if one.outcome == "lost"]
    assert len(lost) == len(cut_off) == 3
    assert max(one.over.wall for one in cut_off if one.over) < min(
        one.finished_at.timestamp() for one in lost
    )


@pytest.mark.promise(4)
async def test_a_call_that_its_replica_cut_off_counts_as_an_attempt_though_nobody_reaped_it(
    fleet: Fleet, work: Work
) -> None:
    async with Proxy(fleet.dsn) as proxy, fleet.scheduler(dsn=proxy.dsn) as alone:
        await work.submit(orders="hold=1")
        await work.arrived()
        await work.strike("the link falls silent", alone)
        proxy.silence()
        alone.resume()
        await wait_until(lambda: work.arrivals()[0].dropped, within=10, what="the call is cut off")
        proxy.heal()
        await work.ended()
    assert (await work.check()).duplicates == 1
    assert await work.outcomes() == ["interrupted", "succeeded"]


@pytest.mark.promise(5)
async def test_when_a_reap_and_a_settle_race_one_of_them_wins(fleet: Fleet, work: Work) -> None:
    await _race(fleet, work, rounds=2)
    await work.check()


@pytest.mark.heavy
@pytest.mark.timeout(300)
@pytest.mark.promise(5)
async def test_in_20_races_of_a_reap_and_a_settle_either_wins_and_never_both(
    fleet: Fleet, work: Work
) -> None:
    await _race(fleet, work, rounds=20)
    report = await work.check()
    assert 0 < report.duplicates < 20


async def _race(fleet: Fleet, work: Work, *, rounds: int) -> None:
    """A frozen replica's settle is let go about when the reaper looks for its leases."""
    async with fleet.reaper():
        for _ in range(rounds):
            async with Proxy(fleet.dsn) as proxy:
                settling = proxy.point(_SETTLE, Where.BEFORE)
                async with fleet.scheduler(dsn=proxy.dsn) as racing:
                    await work.submit()
                    await settling.stopped()
                    await work.strike("freeze", racing)
                    await work.expired(racing, since=random.uniform(0, 0.5))
                    settling.release()
                    racing.resume()
                    await work.ended()
