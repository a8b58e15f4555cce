"""Three APIs, three schedulers and two reapers on one database: what one of each does, shared."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx

from tests.e2e.fleet import CALM, Fleet
from tests.e2e.work import Work

_EACH = 20


@asynccontextmanager
async def apis(fleet: Fleet, count: int) -> AsyncIterator[list[httpx.AsyncClient]]:
    """A client of each of so many APIs; the first is the fleet's own."""
    async with contextlib.AsyncExitStack() as stack:
        more = [await stack.enter_async_context(fleet.app(settings=CALM)) for _ in range(count - 1)]
        addresses = [fleet.url, *[await one.address() for one in more]]
        yield [await stack.enter_async_context(fleet.client(address)) for address in addresses]


async def made(
    work: Work, clients: Sequence[httpx.AsyncClient], *, orders: str = "", **given: Any
) -> list[UUID]:
    """So many jobs through each of the APIs at one time."""
    posts = [work.post(work.job(orders, **given), client=client) for client in clients for _ in range(_EACH)]
    return list(await asyncio.gather(*posts))


async def state(client: httpx.AsyncClient, job: UUID) -> tuple[str, int]:
    found = (await client.get(f"/v1/jobs/{job}")).json()
    return found["state"], found["attempts_made"]


async def test_three_of_each_share_the_work_and_tell_the_same(fleet: Fleet, work: Work) -> None:
    async with (
        apis(fleet, 3) as (one, two, three),
        fleet.crew(3, reapers=2, settings={**CALM, "NOONMARK_CONCURRENCY": "16"}) as crew,
    ):
        for scheduler in crew:
            await work.beating(scheduler)
        prompt = await made(work, (one, two, three), orders="after=0.05")
        failing = await made(work, (one, two, three), orders="fail=1")
        later = await made(work, (one, two, three), delay_seconds=1.5)
        hurried = await made(work, (one,), delay_seconds=600)
        cancelled = await made(work, (two,), delay_seconds=600)
        for job in hurried:
            assert (await two.patch(f"/v1/jobs/{job}", json={"delay_seconds": 0})).status_code == 200
        for job in cancelled:
            assert (await three.post(f"/v1/jobs/{job}/cancel")).status_code == 200
        await work.ended()
        told = [
            [await state(client, job) for job in (prompt[0], failing[0], later[0], hurried[0], cancelled[0])]
            for client in (one, two, three)
        ]
    assert told[0] == [
        ("succeeded", 1),
        ("succeeded", 2),
        ("succeeded", 1),
        ("succeeded", 1),
        ("cancelled", 0),
    ]
    assert told[0] == told[1] == told[2]
    assert len({attempt.replica_id for attempt in await work.attempts()}) == 3
    report = await work.check()
    assert (report.lost, report.rewritten, report.duplicates) == (0, 0, 0)
