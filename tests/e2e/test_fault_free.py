"""With nothing broken: every job once, on time, signed."""

import pytest

from tests.e2e.fleet import CALM, Fleet
from tests.e2e.work import Work


@pytest.mark.promise(3)
async def test_without_a_fault_each_of_300_jobs_is_delivered_exactly_once(fleet: Fleet, work: Work) -> None:
    async with fleet.crew(2, settings={**CALM, "NOONMARK_CONCURRENCY": "32"}):
        await work.submit(150, orders="after=0.02")
        await work.submit(150, orders="after=0.02", delay_seconds=1.5)
        await work.ended()
    report = await work.check()
    assert len(work.arrivals()) == report.delivered == 300
    assert report.duplicates == 0
    assert len({one.replica_id for one in await work.attempts()}) == 2


async def test_a_failing_target_is_tried_again_until_it_succeeds(fleet: Fleet, work: Work) -> None:
    async with fleet.crew(1, settings=CALM):
        await work.submit(orders="fail=2")
        await work.ended()
    report = await work.check()
    assert await work.outcomes() == ["failed", "failed", "succeeded"]
    assert report.duplicates == 0
