"""What attempts tell, on its way into the history: in order, once, and never after the end."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from core.db import Database, Raw
from core.jobs import store as jobs
from core.jobs.model import Lease
from scheduler.runtimes.events import Happening, HappeningKind
from scheduler.telling import Teller, Telling
from tests.integration.scheduler.proxy import proxied
from tests.jobs import Tenant, settlement
from tests.printing import order, started


@pytest.fixture
def teller(database: Database) -> Teller:
    return Teller(database, now=time.time)


@pytest.fixture
async def db(database: Database) -> AsyncIterator[Raw]:
    async with database.raw() as opened:
        yield opened


@pytest.fixture
async def lease(db: Raw, tenant: Tenant) -> Lease:
    return await started(db, tenant, needs=4)


def progress(done: float, total: float | None = None, message: str = "") -> Happening:
    return Happening(kind=HappeningKind.PROGRESS, name="progress", done=done, total=total, message=message)


def custom(name: str, **data: Any) -> Happening:
    return Happening(kind=HappeningKind.CUSTOM, name=name, data=data)


async def history(db: Raw, job: UUID) -> list[tuple[str, Any]]:
    rows = await db.fetch("SELECT kind, data::text FROM history WHERE job_id = $1 ORDER BY id", job)
    return [(row[0], json.loads(row[1]) if row[1] else None) for row in rows]


async def finish(teller: Teller, *tellings: Telling) -> list[bool]:
    finishing = asyncio.gather(*(telling.finish() for telling in tellings))
    while not finishing.done():
        await asyncio.sleep(0)
        await teller.once()
    return list(await finishing)


async def test_what_is_told_is_there_after_one_pass_while_the_attempt_goes_on(
    teller: Teller, db: Raw, lease: Lease
) -> None:
    """EVT-02, but for the interval of the loop."""
    teller.open(order(lease))
    teller.happened(order(lease), progress(5, 12, "batch 1"))
    teller.happened(order(lease), custom("uploaded", bytes=3))
    assert await teller.once() == 0
    assert (await history(db, lease.job_id))[-3:] == [
        ("started", None),
        ("progress", {"done": 5, "total": 12, "message": "batch 1"}),
        ("custom", {"name": "uploaded", "data": {"bytes": 3}}),
    ]


async def test_it_stands_between_the_start_and_the_end_in_the_order_it_was_told(
    database: Database, db: Raw, lease: Lease
) -> None:
    """However far the clock here is behind the database's."""
    teller = Teller(database, now=lambda: time.time() - 30)
    telling = teller.open(order(lease))
    for number in range(700):
        teller.happened(order(lease), progress(number))
    assert await finish(teller, telling) == [True]
    await jobs.settle(db, [settlement(lease)])
    found = await history(db, lease.job_id)
    assert [kind for kind, _ in found] == [
        *("created", "queued", "started"), *["progress"] * 700, "succeeded",
    ]  # fmt: skip
    assert [data["done"] for kind, data in found if kind == "progress"] == list(range(700))


async def test_hooks_are_told_with_their_errors(teller: Teller, db: Raw, lease: Lease) -> None:
    teller.open(order(lease))
    teller.happened(order(lease), Happening(kind=HappeningKind.HOOK, name="on_start"))
    teller.happened(order(lease), Happening(kind=HappeningKind.HOOK, name="on_end", error="KeyError: 'x'"))
    await teller.once()
    assert (await history(db, lease.job_id))[-2:] == [
        ("hook", {"name": "on_start"}),
        ("hook", {"name": "on_end", "error": "KeyError: 'x'"}),
    ]


@pytest.mark.promise(5)
async def test_who_lost_the_lease_tells_nothing_more(teller: Teller, db: Raw, lease: Lease) -> None:
    telling = teller.open(order(lease))
    await jobs.settle(db, [settlement(lease)])
    teller.happened(order(lease), progress(1))
    await finish(teller, telling)
    assert "progress" not in dict(await history(db, lease.job_id))
    assert teller.held == 0


async def test_after_its_end_an_attempt_tells_nothing(teller: Teller, db: Raw, lease: Lease) -> None:
    await finish(teller, teller.open(order(lease)))
    teller.happened(order(lease), progress(1))
    assert teller.held == 0


async def test_what_the_database_cannot_store_costs_nothing_else(
    teller: Teller, db: Raw, lease: Lease
) -> None:
    telling = teller.open(order(lease))
    teller.happened(order(lease), custom("a", text="no\0thing", more=["\0"]))
    teller.happened(order(lease), custom("b", number=1e300))
    teller.happened(order(lease), progress(1))
    assert await finish(teller, telling) == [True]
    found = [data for kind, data in await history(db, lease.job_id) if kind == "custom"]
    assert found[0] == {"name": "a", "data": {"text": "nothing", "more": [""]}}
    assert "progress" in dict(await history(db, lease.job_id))


async def test_what_there_is_no_room_for_is_counted(database: Database, db: Raw, lease: Lease) -> None:
    teller = Teller(database, now=time.time, room=2000)
    telling = teller.open(order(lease))
    for number in range(10):
        teller.happened(order(lease), progress(number))
    await teller.once()
    await finish(teller, telling)
    found = await history(db, lease.job_id)
    kept = sum(kind == "progress" for kind, _ in found)
    assert 0 < kept < 10
    assert found[-1] == ("dropped", {"count": 10 - kept})
    assert teller.held == 0


async def test_an_outage_loses_and_repeats_nothing(database_url: str, db: Raw, lease: Lease) -> None:
    """The answer to the first statement never comes; it is sent again."""
    async with proxied(database_url) as proxy:
        database = Database(proxy.dsn, name="teller", size=1)
        teller = Teller(database, now=time.time)
        telling = teller.open(order(lease))
        teller.happened(order(lease), progress(1))
        await teller.once()
        teller.happened(order(lease), progress(2))
        proxy.cut()
        with pytest.raises(Exception):  # noqa: B017 - whatever a lost link is.
            await teller.once()
        proxy.mend()
        teller.happened(order(lease), progress(3))
        assert await finish(teller, telling) == [True]
        await database.close()
    done = [data["done"] for kind, data in await history(db, lease.job_id) if kind == "progress"]
    assert done == [1, 2, 3]


async def test_writing_twice_writes_once(teller: Teller, db: Raw, lease: Lease) -> None:
    telling = teller.open(order(lease))
    teller.happened(order(lease), progress(1))
    told = list(telling.waiting)
    await teller.once()
    telling.waiting.extend(told)
    await teller.once()
    assert [kind for kind, _ in await history(db, lease.job_id)].count("progress") == 1


async def test_one_attempt_that_tells_much_does_not_keep_others_waiting(
    teller: Teller, db: Raw, tenant: Tenant
) -> None:
    loud, quiet = await started(db, tenant), await started(db, tenant)
    teller.open(order(loud))
    teller.open(order(quiet))
    for number in range(5000):
        teller.happened(order(loud), progress(number))
    teller.happened(order(quiet), progress(1))
    assert await teller.once() > 0
    assert "progress" in dict(await history(db, quiet.job_id))
