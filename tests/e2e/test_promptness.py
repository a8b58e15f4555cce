"""How soon a job starts on an idle installation: far sooner than replicas look by themselves, every second.

A busy machine makes any single call late, so the usual runs judge the middle one of several; the heavy ones
judge nineteen of twenty.
"""

import time
from datetime import UTC, datetime
from statistics import median, quantiles

import pytest

from tests.e2e.fleet import CALM, Fleet
from tests.e2e.proxy import Proxy, Where
from tests.e2e.test_limits import queue
from tests.e2e.work import Work
from tests.waiting import wait_until

_PROMPT_SECONDS = 0.2
_LOOK_SECONDS = 1.0
_LISTENING = """FROM pg_stat_activity WHERE datname = current_database() AND query ILIKE 'LISTEN%'
                AND application_name = 'noonmark-scheduler'"""


@pytest.mark.capability("notify")
async def test_a_new_job_starts_at_once(fleet: Fleet, work: Work) -> None:
    async with fleet.scheduler(settings=CALM) as replica:
        await work.beating(replica)
        assert median(await _waits(work, 9)) < _PROMPT_SECONDS
    await work.check()


async def test_what_comes_due_later_starts_at_its_instant(fleet: Fleet, work: Work) -> None:
    async with fleet.scheduler(settings=CALM) as replica:
        await work.beating(replica)
        for number in range(7):
            retry = {"base_seconds": 0.4, "max_seconds": 0.5}
            await work.submit(orders="fail=1", delay_seconds=1.3 + number / 7, retry=retry)
        await work.ended()
    assert median(await _late(work, attempt=1)) < _PROMPT_SECONDS
    assert median(await _late(work, attempt=2)) < _PROMPT_SECONDS
    await work.check()


async def test_a_slot_that_comes_free_is_taken_at_once(fleet: Fleet, work: Work) -> None:
    name = await queue(work, max_concurrency=1)
    async with fleet.crew(2, settings=CALM) as crew:
        for replica in crew:
            await work.beating(replica)
        await work.submit(8, orders="after=0.1", queue=name)
        await work.ended()
    calls = sorted(work.arrivals(), key=lambda one: one.request.at.mono)
    ends = [one.over.mono for one in calls if one.over]
    gaps = [one.request.at.mono - end for one, end in zip(calls[1:], ends, strict=False)]
    assert min(gaps) >= 0
    assert median(gaps) < _PROMPT_SECONDS
    await work.check()


@pytest.mark.capability("notify")
async def test_without_hints_a_job_starts_with_the_next_look_and_hints_come_back(
    fleet: Fleet, work: Work
) -> None:
    async with Proxy(fleet.dsn) as proxy, fleet.scheduler(dsn=proxy.dsn, settings=CALM) as deaf:
        await work.beating(deaf)
        await _listening(work, since=datetime.fromtimestamp(0, UTC))
        listening = proxy.point("LISTEN", Where.BEFORE)
        assert await work.value(f"SELECT count(pg_terminate_backend(pid)) {_LISTENING}") == 1
        await listening.stopped()
        assert max(await _waits(work, 2)) < 2 * _LOOK_SECONDS
        before = await work.now()
        listening.release()
        await _listening(work, since=before)
        assert median(await _waits(work, 5)) < _PROMPT_SECONDS
    await work.check()


@pytest.mark.capability("notify")
@pytest.mark.heavy
async def test_nineteen_of_twenty_new_jobs_start_at_once(fleet: Fleet, work: Work) -> None:
    async with fleet.crew(2, settings=CALM) as crew:
        for replica in crew:
            await work.beating(replica)
        assert quantiles(await _waits(work, 100), n=20)[-1] < _PROMPT_SECONDS
    await work.check()


@pytest.mark.heavy
async def test_nineteen_of_twenty_of_a_thousand_jobs_a_second_start_within_a_second(
    fleet: Fleet, work: Work
) -> None:
    async with fleet.crew(2, settings=CALM) as crew:
        for replica in crew:
            await work.beating(replica)
        at = (await work.now()).timestamp() + 15
        for number in range(20):
            await work.submit(100, delay_seconds=at + number / 10 - time.time())
        await work.ended(within=60)
    assert quantiles(await _late(work, attempt=1), n=20)[-1] < 1.0
    await work.check()


async def _waits(work: Work, count: int) -> list[float]:
    """Seconds from asking for a job to its call, of so many, one after the other has ended."""
    found = []
    for _ in range(count):
        before = time.monotonic()
        [job] = await work.submit()
        await work.ended()
        [path] = [promise.path for promise in work.promises if promise.id == job]
        [called] = [one.request.at.mono for one in work.arrivals() if one.request.path == path]
        found.append(called - before)
    return found


async def _late(work: Work, *, attempt: int) -> list[float]:
    """Seconds from each job's instant to its call, for the first attempt or one after a failure."""
    rows = await work.rows(
        """SELECT j.id, extract(epoch FROM coalesce((e.data->>'retry_at')::timestamptz, j.fire_at))::float8
           FROM jobs j LEFT JOIN events e ON e.job_id = j.id AND e.kind = 'retrying' AND e.attempt = $2 - 1
           WHERE j.id = ANY($1)""",
        attempt,
    )
    due = dict(rows)
    jobs = {promise.path: promise.id for promise in work.promises}
    calls = [one.request for one in work.arrivals() if one.request.attempt == attempt]
    assert len(calls) == len(work.promises)
    return [call.at.wall - due[jobs[call.path]] for call in calls]


async def _listening(work: Work, *, since: datetime) -> None:
    """A scheduler's listening was confirmed after this instant."""

    async def look() -> bool:
        found: int = await work.value(f"SELECT count(*) {_LISTENING} AND state_change > $1", since)
        return found == 1

    await wait_until(look, within=10, what="a replica listens")
