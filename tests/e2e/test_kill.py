"""kill -9 of a scheduler at every stage of an attempt: nothing is lost, only what was under way repeats."""

import pytest

from tests.e2e.fleet import Fleet
from tests.e2e.proxy import Proxy, Where
from tests.e2e.work import Work
from tests.waiting import wait_until

_CLAIM = "INSERT INTO leases"
_SETTLE = "INSERT INTO attempts"


@pytest.mark.promise(1)
async def test_a_replica_killed_between_claim_and_call_duplicates_nothing(fleet: Fleet, work: Work) -> None:
    async with Proxy(fleet.dsn) as proxy:
        claimed = proxy.point(_CLAIM, Where.AFTER)
        async with fleet.reaper(), fleet.scheduler(dsn=proxy.dsn) as doomed:
            await work.submit(5)
            await claimed.stopped()
            await work.kill(doomed)
            assert work.arrivals() == []
            async with fleet.scheduler():
                await work.ended()
    report = await work.check()
    assert report.duplicates == 0
    assert [one.outcome for one in await work.attempts()] == ["lost", "succeeded"] * 5


@pytest.mark.promise(3)
async def test_a_replica_killed_during_its_calls_duplicates_each_of_them_once(
    fleet: Fleet, work: Work
) -> None:
    async with fleet.reaper(), fleet.scheduler() as doomed:
        await work.submit(5, orders="hold=1")
        await work.arrived(5)
        fault = await work.kill(doomed)
        async with fleet.scheduler():
            await work.ended()
    report = await work.check()
    assert report.duplicates == len(fault.in_flight) == 5


@pytest.mark.promise(3)
@pytest.mark.parametrize("where", [Where.BEFORE, Where.AT_COMMIT])
async def test_a_replica_killed_before_its_settle_commits_duplicates_once(
    fleet: Fleet, work: Work, where: Where
) -> None:
    async with Proxy(fleet.dsn) as proxy:
        settling = proxy.point(_SETTLE, where)
        async with fleet.reaper(), fleet.scheduler(dsn=proxy.dsn) as doomed:
            await work.submit(5)
            await settling.stopped()
            await wait_until(
                lambda: sum(one.succeeded for one in work.arrivals()) == 5, within=5, what="5 answers"
            )
            await work.kill(doomed)
            settling.cut()
            async with fleet.scheduler():
                await work.ended()
    report = await work.check()
    assert report.duplicates == 5
    assert [one.outcome for one in await work.attempts()] == ["lost", "succeeded"] * 5


@pytest.mark.promise(2)
async def test_a_replica_killed_after_its_settle_committed_changes_nothing(fleet: Fleet, work: Work) -> None:
    async with Proxy(fleet.dsn) as proxy:
        settled = proxy.point(_SETTLE, Where.AFTER)
        async with fleet.reaper(), fleet.scheduler(dsn=proxy.dsn) as doomed:
            await work.submit()
            await settled.stopped()
            await work.look()
            doomed.kill()
            async with fleet.scheduler():
                await work.submit()
                await work.ended()
    report = await work.check()
    assert report.duplicates == 0
    assert [one.outcome for one in await work.attempts()] == ["succeeded"] * 2


@pytest.mark.promise(5)
async def test_a_settle_that_arrives_after_the_reap_of_its_replica_is_fenced(
    fleet: Fleet, work: Work
) -> None:
    async with Proxy(fleet.dsn) as proxy:
        settling = proxy.point(_SETTLE, Where.BEFORE)
        async with fleet.reaper(), fleet.scheduler(dsn=proxy.dsn) as doomed:
            await work.submit()
            await settling.stopped()
            await work.kill(doomed)
            async with fleet.scheduler():
                await work.ended()
            await work.look()
            settling.release()
            await wait_until(lambda: proxy.links == 0, within=5, what="the late settle was read to its end")
    await work.check()
    assert await work.outcomes() == ["lost", "succeeded"]


@pytest.mark.promise(1)
async def test_jobs_wait_while_no_replica_lives_and_end_when_one_is_back(fleet: Fleet, work: Work) -> None:
    async with fleet.crew(2, settings={"NOONMARK_CONCURRENCY": "8"}) as crew:
        await work.submit(40, orders="hold=1")
        await work.arrived(16)
        await work.kill(*crew)
        await work.submit(20, delay_seconds=0.5)
        fleet.release(work.group)
        async with fleet.scheduler():
            await work.ended()
    report = await work.check()
    assert report.delivered == 60


@pytest.mark.promise(2)
async def test_a_job_that_takes_its_replica_down_each_time_becomes_a_dead_letter(
    fleet: Fleet, work: Work
) -> None:
    await work.submit(orders="hold=9", retry={"max_attempts": 3})
    async with fleet.reaper():
        for attempt in (1, 2, 3):
            async with fleet.scheduler() as doomed:
                await work.arrived(attempt=attempt)
                await work.kill(doomed)
        [ending] = await work.ended()
    report = await work.check()
    assert (ending.state, ending.error_code) == ("failed", "replica_lost")
    assert await work.outcomes() == ["lost"] * 3
    assert report.duplicates == 2


@pytest.mark.promise(3)
async def test_a_job_of_one_attempt_is_not_delivered_again_after_a_crash(fleet: Fleet, work: Work) -> None:
    await work.submit(orders="hold=1", retry={"max_attempts": 1})
    async with fleet.reaper(), fleet.scheduler() as doomed:
        await work.arrived()
        await work.kill(doomed)
        async with fleet.scheduler():
            [ending] = await work.ended()
    assert (ending.state, ending.error_code) == ("failed", "replica_lost")
    assert (await work.check()).duplicates == 0


@pytest.mark.promise(2)
@pytest.mark.parametrize("where", [Where.BEFORE, Where.AFTER])
async def test_a_reaper_killed_around_its_commit_leaves_no_lease_half_taken(
    fleet: Fleet, work: Work, where: Where
) -> None:
    async with Proxy(fleet.dsn) as proxy:
        async with fleet.scheduler() as doomed:
            await work.submit(5, orders="hold=1")
            await work.arrived(5)
            await work.kill(doomed)
        async with fleet.reaper(dsn=proxy.dsn) as reaper:
            reaping = proxy.point("COMMIT", where)
            await reaping.stopped()
            reaper.kill()
            reaping.cut()
        async with fleet.crew(1):
            await work.ended()
    report = await work.check()
    assert report.duplicates == 5
    assert [one.outcome for one in await work.attempts()] == ["lost", "succeeded"] * 5


@pytest.mark.promise(5)
async def test_three_reapers_take_each_lease_of_a_dead_replica_once(fleet: Fleet, work: Work) -> None:
    async with fleet.crew(1, reapers=3) as [doomed]:
        await work.submit(60, orders="hold=1")
        await work.arrived(60)
        await work.kill(doomed)
        async with fleet.scheduler():
            await work.ended()
    report = await work.check()
    assert report.duplicates == 60
    assert [one.outcome for one in await work.attempts()] == ["lost", "succeeded"] * 60
