"""A job's life from the request to its end, on a fleet that nobody disturbs."""

from datetime import timedelta, timezone

import pytest

from tests.e2e.fleet import CALM, Fleet
from tests.e2e.work import Work
from tests.waiting import wait_until


@pytest.mark.promise(6)
async def test_a_fire_time_with_an_offset_is_met_within_a_second_and_never_early(
    fleet: Fleet, work: Work
) -> None:
    async with fleet.crew(2, settings=CALM) as crew:
        for scheduler in crew:
            await work.beating(scheduler)
        fire_at = (await work.now() + timedelta(seconds=2)).astimezone(timezone(timedelta(hours=2)))
        [job_id] = await work.submit(fire_at=fire_at.isoformat())
        assert fire_at.isoformat().endswith("+02:00")
        assert (await work.read(job_id))["state"] == "scheduled"
        await work.ended()
    [arrival] = work.arrivals()
    assert 0 <= arrival.request.at.wall - fire_at.timestamp() < 1
    await work.check()


@pytest.mark.promise(6)
async def test_a_hundred_jobs_of_one_instant_are_all_on_time(fleet: Fleet, work: Work) -> None:
    async with fleet.crew(2, settings=CALM) as crew:
        for scheduler in crew:
            await work.beating(scheduler)
        fire_at = await work.now() + timedelta(seconds=2.5)
        await work.submit(100, fire_at=fire_at.isoformat())
        await work.ended()
    late = [one.request.at.wall - fire_at.timestamp() for one in work.arrivals()]
    assert min(late) >= 0
    assert max(late) < 1
    await work.check()


@pytest.mark.parametrize("orders", ["after=20", "drip=20"])
async def test_an_attempt_that_takes_too_long_is_cut_off_at_its_deadline(
    fleet: Fleet, work: Work, orders: str
) -> None:
    async with fleet.crew(1, settings=CALM):
        [job_id] = await work.submit(orders=orders, timeout_seconds=1, retry={"max_attempts": 1})
        await work.ended()
    [attempt] = (await work.api.get(f"/v1/jobs/{job_id}/attempts")).json()["items"]
    assert (attempt["outcome"], attempt["error"]["code"]) == ("timed_out", "timeout")
    assert 990 <= attempt["duration_ms"] < 2000
    await wait_until(lambda: work.arrivals()[0].dropped, within=5, what="the receiver lost the call")
    await work.check()


@pytest.mark.promise(10)
async def test_a_replica_calls_nothing_but_public_addresses_unless_it_is_allowed_to(
    fleet: Fleet, work: Work
) -> None:
    async with fleet.scheduler(settings={**CALM, "NOONMARK_EGRESS_ALLOW": ""}):
        await work.submit()
        [ending] = await work.ended()
    assert (ending.state, ending.error_code) == ("failed", "destination_refused")
    assert await work.outcomes() == ["blocked"]
    assert work.arrivals() == []
    await work.check()


@pytest.mark.promise(8)
async def test_a_call_longer_than_a_lease_lives_keeps_it_and_is_made_once(fleet: Fleet, work: Work) -> None:
    async with fleet.crew(2):
        await work.submit(orders="after=5")
        await work.ended()
    assert await work.outcomes() == ["succeeded"]
    assert (await work.check()).duplicates == 0


@pytest.mark.promise(7)
async def test_cancelling_a_running_job_aborts_its_call_and_ends_it(fleet: Fleet, work: Work) -> None:
    async with fleet.crew(1, settings=CALM):
        [job_id] = await work.submit(orders="hold=9")
        await work.arrived()
        assert await _cancel(work) == (202, "cancelling")
        await wait_until(lambda: work.arrivals()[0].dropped, within=3, what="the call was aborted")
        await work.ended(within=3)
        assert (await work.read(job_id))["state"] == "cancelled"
        await work.quiet()
    assert await work.outcomes() == ["cancelled"]
    assert len(work.arrivals()) == 1
    await work.check()


@pytest.mark.capability("notify")
@pytest.mark.promise(7)
async def test_a_job_cancelled_after_it_was_claimed_ahead_is_never_called(fleet: Fleet, work: Work) -> None:
    async with fleet.crew(1, settings=CALM) as [scheduler]:
        await work.beating(scheduler)
        await work.submit(delay_seconds=1.5)
        await work.leased(1)
        assert await _cancel(work) == (202, "cancelling")
        await work.ended(within=3)
        await work.quiet()
    assert work.arrivals() == []
    await work.check()


@pytest.mark.promise(7)
async def test_a_waiting_job_that_reads_cancelled_is_never_called(fleet: Fleet, work: Work) -> None:
    async with fleet.crew(1, settings=CALM) as [scheduler]:
        await work.beating(scheduler)
        await work.submit(delay_seconds=3)
        assert await _cancel(work) == (200, "cancelled")
        await work.quiet()
    assert work.arrivals() == []
    await work.check()


@pytest.mark.promise(7)
async def test_a_cancelling_job_whose_replica_dies_ends_cancelled(fleet: Fleet, work: Work) -> None:
    async with fleet.crew(1) as [doomed]:
        await work.submit(orders="hold=1")
        await work.arrived()
        await work.strike("kill -9", doomed)
        assert await _cancel(work) == (202, "cancelling")
        doomed.kill()
        async with fleet.scheduler():
            [ending] = await work.ended()
            await work.quiet()
    assert ending.state == "cancelled"
    assert len(work.arrivals()) == 1
    await work.check()


async def _cancel(work: Work) -> tuple[int, str]:
    [promise] = work.promises
    answer = await work.api.post(f"/v1/jobs/{promise.id}/cancel")
    return answer.status_code, answer.json()["state"]
