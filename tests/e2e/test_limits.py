"""Limits as an independent receiver sees them, with several schedulers at work."""

from collections.abc import Container
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.e2e.fleet import CALM, Fleet
from tests.e2e.work import Work
from tests.waiting import wait_until


async def queue(work: Work, **given: Any) -> str:
    """The name of a new queue."""
    name = f"q-{uuid4().hex[:12]}"
    answer = await work.api.post("/v1/queues", json={"name": name, **given})
    assert answer.status_code == 201, answer.text
    return name


async def _ready(work: Work, name: str, count: int) -> bool:
    """Whether so many jobs of the queue are due and wait for a slot."""
    found: int = await work.value(
        "SELECT count(*) FROM ready r JOIN queues q ON q.id = r.queue_id WHERE q.name = $1", name
    )
    return found == count


def most_at_once(work: Work, *, without: Container[tuple[UUID, int]] = ()) -> int:
    """The most calls that were open at one instant; of these attempts at jobs the calls do not count."""
    jobs = {promise.path: promise.id for promise in work.promises}
    marks: list[tuple[float, int]] = []
    for one in work.arrivals():
        if (jobs[one.request.path], one.request.attempt) in without:
            continue
        assert one.over is not None
        marks += [(one.request.at.mono, 1), (one.over.mono, -1)]
    opened = most = 0
    for _, step in sorted(marks):
        opened += step
        most = max(most, opened)
    return most


@pytest.mark.promise(8)
async def test_a_receiver_never_sees_more_calls_at_once_than_the_queue_allows(
    fleet: Fleet, work: Work
) -> None:
    name = await queue(work, max_concurrency=2)
    async with fleet.crew(3, settings=CALM) as crew:
        for scheduler in crew:
            await work.beating(scheduler)
        await work.submit(10, orders="after=0.2", queue=name)
        assert {ending.state for ending in await work.ended()} == {"succeeded"}
    assert most_at_once(work) == 2
    await work.check()


@pytest.mark.promise(8)
async def test_a_receiver_never_sees_more_calls_at_once_than_the_tenant_allows(
    fleet: Fleet, work: Work
) -> None:
    tenant = (await work.api.get("/v1/tenants/current")).json()["id"]
    names = ["default", await queue(work)]
    try:
        answer = await work.api.patch(f"/v1/tenants/{tenant}", json={"max_concurrency": 2})
        assert answer.status_code == 200, answer.text
        async with fleet.crew(3, settings=CALM):
            for name in names:
                await work.submit(4, orders="after=0.2", queue=name)
                await work.submit(1, orders="after=0.2", queue=name, delay_seconds=0.5)
            assert {ending.state for ending in await work.ended()} == {"succeeded"}
    finally:
        await work.api.patch(f"/v1/tenants/{tenant}", json={"max_concurrency": 0})
    assert most_at_once(work) == 2
    await work.check()


@pytest.mark.promise(8)
async def test_a_receiver_never_sees_more_calls_in_a_second_than_the_rate_allows(
    fleet: Fleet, work: Work
) -> None:
    name = await queue(work, rate={"count": 5})
    async with fleet.crew(2, settings=CALM):
        await work.submit(15, queue=name)
        await work.ended()
    times = sorted(one.request.at.mono for one in work.arrivals())
    # A second apart by the database's clock, less what a busy machine adds to the way of the first of them.
    # One start too many would bring them to 0.8 seconds.
    assert all(sixth - first >= 0.85 for first, sixth in zip(times, times[5:], strict=False))
    assert times[-1] - times[0] < 6
    await work.check()


async def test_nothing_of_a_paused_queue_arrives_until_it_is_resumed(fleet: Fleet, work: Work) -> None:
    name = await queue(work)
    await work.submit(2, queue=name)
    await work.api.post(f"/v1/queues/{name}/pause")
    async with fleet.crew(2, settings=CALM) as crew:
        for scheduler in crew:
            await work.beating(scheduler)
        await work.submit(1, queue=name)
        await work.submit(1, queue=name, delay_seconds=0.5)
        await wait_until(lambda: _ready(work, name, 4), within=20.0, what="the last job is planned")
        for scheduler in crew:
            await work.beating(scheduler)
        assert not work.arrivals()
        await work.api.post(f"/v1/queues/{name}/resume")
        await work.ended()
    await work.check()
