"""A whole replica at work: it claims, calls, hears hints, and outlives its database."""

import asyncio

import pytest

from core.capabilities import Capabilities
from core.db import Database
from core.jobs import store as jobs
from core.replicas import store as replicas
from tests.integration.scheduler.proxy import proxied
from tests.integration.scheduler.rig import add, tally
from tests.integration.scheduler.running import Receiver, hint, running, until
from tests.integration.scheduler.sender.targets import target
from tests.jobs import Tenant


async def test_a_replica_delivers_what_is_due(database: Database, database_url: str, tenant: Tenant) -> None:
    receiver = Receiver()
    receiver.go.set()
    async with target(receiver.serve) as url, running(database_url):
        made = await add(database, tenant, 100, url=url.url())
        await until(database, endings=100)
    assert sorted(receiver.attempts) == sorted((job, 1) for job in made)


async def test_it_claims_as_soon_as_its_first_beat_has_arrived(
    database: Database, database_url: str, tenant: Tenant
) -> None:
    receiver = Receiver()
    async with target(receiver.serve) as url:
        await add(database, tenant, url=url.url())
        began = asyncio.get_running_loop().time()
        async with running(database_url):
            await receiver.wait()
            assert asyncio.get_running_loop().time() - began < 0.6
            receiver.go.set()


@pytest.mark.capability("notify")
async def test_a_hint_starts_a_job_at_once(database: Database, database_url: str, tenant: Tenant) -> None:
    """Without it the next look would be up to a second away; the worst of five is far below that."""
    receiver = Receiver()
    receiver.go.set()
    async with target(receiver.serve) as url, running(database_url) as made:
        await made.alive()
        for _ in range(5):
            await asyncio.sleep(0.1)
            began = asyncio.get_running_loop().time()
            await add(database, tenant, url=url.url())
            await hint(database)
            await receiver.wait()
            assert asyncio.get_running_loop().time() - began < 0.3


async def test_without_notify_nobody_listens_and_a_job_starts_with_the_next_look(
    database: Database, database_url: str, tenant: Tenant
) -> None:
    seen: list[str] = []
    receiver = Receiver()
    receiver.go.set()
    async with (
        target(receiver.serve) as url,
        running(database_url, seen=seen, server=Capabilities(notify=False)) as made,
    ):
        await made.alive()
        began = asyncio.get_running_loop().time()
        await add(database, tenant, url=url.url())
        await hint(database)
        await receiver.wait()
        assert asyncio.get_running_loop().time() - began < 2.0
    assert [query for query in seen if query.startswith("LISTEN")] == []


@pytest.mark.promise(7)
async def test_without_notify_a_cancel_is_read_with_the_next_beat(
    database: Database, database_url: str, tenant: Tenant
) -> None:
    receiver = Receiver()
    lacking = Capabilities(notify=False)
    async with target(receiver.serve) as url, running(database_url, server=lacking, beat_seconds=0.5):
        await add(database, tenant, url=url.url())
        await receiver.wait()
        async with database.raw() as db:
            await db.execute("UPDATE leases SET cancel_requested_at = now()")
        async with asyncio.timeout(3.0):
            await until(database, endings=1)
    async with database.raw() as db:
        assert await db.fetchval("SELECT state FROM endings") == "cancelled"


async def test_an_idle_replica_asks_the_database_at_most_twice_a_second(
    database: Database, database_url: str
) -> None:
    seen: list[str] = []
    async with running(database_url, seen=seen) as made:
        await made.alive()
        await asyncio.sleep(1.0)
        seen.clear()
        await asyncio.sleep(6.0)
        assert 6 <= len(seen) <= 12, seen


@pytest.mark.promise(8)
async def test_a_full_replica_takes_no_more_and_hardly_asks(
    database: Database, database_url: str, tenant: Tenant
) -> None:
    seen: list[str] = []
    receiver = Receiver()
    async with target(receiver.serve) as url, running(database_url, seen=seen, concurrency=3):
        await add(database, tenant, 30, url=url.url())
        await receiver.wait(3)
        seen.clear()
        await asyncio.sleep(1.5)
        assert await tally(database) == {"ready": 27, "leases": 3}
        assert len(seen) <= 6, seen
        receiver.go.set()
        await until(database, endings=30)
    assert len(receiver.attempts) == 30


@pytest.mark.promise(2)
async def test_results_are_kept_through_an_outage_and_written_once_after_it(
    database: Database, database_url: str, tenant: Tenant
) -> None:
    receiver = Receiver()
    async with target(receiver.serve) as url, proxied(database_url) as proxy, running(proxy.dsn):
        made = await add(database, tenant, 20, url=url.url())
        await receiver.wait(20)
        proxy.cut()
        receiver.go.set()
        await asyncio.sleep(0.5)
        assert await tally(database) == {"leases": 20}
        proxy.mend()
        await until(database, endings=20)
    assert sorted(receiver.attempts) == sorted((job, 1) for job in made)
    async with database.raw() as db:
        assert await db.fetchval("SELECT count(*) FROM attempts") == 20


@pytest.mark.capability("notify")
@pytest.mark.promise(7)
async def test_a_cancel_hint_aborts_the_call_at_once(
    database: Database, database_url: str, tenant: Tenant
) -> None:
    receiver = Receiver()
    async with target(receiver.serve) as url, running(database_url) as made:
        await add(database, tenant, url=url.url())
        await receiver.wait()
        async with database.raw() as db:
            await db.execute("UPDATE leases SET cancel_requested_at = now()")
            await replicas.hint_cancel(db, made.scheduler.replica.id)
        async with asyncio.timeout(1.0):
            await until(database, endings=1)
    async with database.raw() as db:
        assert await db.fetchval("SELECT state FROM endings") == "cancelled"


async def test_leases_it_never_heard_of_are_given_back_and_delivered(
    database: Database, database_url: str, tenant: Tenant
) -> None:
    """The answer of a claim was lost on its way."""
    receiver = Receiver()
    receiver.go.set()
    async with target(receiver.serve) as url, running(database_url, beat_seconds=0.2) as made:
        await made.alive()
        async with database.raw() as db:
            await db.execute("UPDATE queues SET paused = true")
            [job] = await add(database, tenant, url=url.url())
            await jobs.claim(db, [(tenant.queue_id, 1, None)], replica=made.scheduler.replica.id)
            await db.execute("UPDATE queues SET paused = false")
        await until(database, endings=1)
    assert receiver.attempts == [(job, 1)]
