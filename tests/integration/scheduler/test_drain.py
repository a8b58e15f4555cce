"""A replica that is told to stop: nothing is lost, and nothing repeated that need not be."""

import pytest

from core import metrics
from core.db import Database
from scheduler import replica as replica_module
from tests.integration.scheduler.proxy import proxied
from tests.integration.scheduler.rig import add, tally
from tests.integration.scheduler.running import Receiver, running, until
from tests.integration.scheduler.sender.targets import target
from tests.jobs import Tenant


@pytest.mark.promise(9)
async def test_an_idle_replica_stops_well_within_a_second(database: Database, database_url: str) -> None:
    async with running(database_url) as made:
        await made.alive()
        assert await made.end() < 0.5
    async with database.raw() as db:
        assert await db.fetchval("SELECT count(*) FROM replicas") == 0


@pytest.mark.promise(9)
async def test_stopping_lets_calls_finish_and_gives_back_what_was_not_begun(
    database: Database, database_url: str, tenant: Tenant
) -> None:
    receiver = Receiver()
    async with target(receiver.serve) as url, running(database_url) as made:
        flying = await add(database, tenant, 5, url=url.url())
        await receiver.wait(5)
        ahead = await add(database, tenant, 3, url=url.url(), delay_seconds=0.9)
        made.scheduler._claim_loop.wake()
        await until(database, leases=8)
        made.stop.set()
        await until(database, leases=5)
        late = await add(database, tenant, 2, url=url.url())
        assert not made.task.done()
        receiver.go.set()
        await made.end()
        assert sorted(receiver.attempts) == sorted((job, 1) for job in flying)
    assert await tally(database) == {"endings": 5, "ready": 2, "timers": 3}
    async with database.raw() as db:
        assert await db.fetchval("SELECT count(*) FROM attempts") == 5
        assert await db.fetchval("SELECT max(attempt) FROM timers") == 1
    assert len(ahead) + len(late) == 5


@pytest.mark.promise(9)
async def test_a_call_longer_than_the_window_is_cut_off_counted_and_made_again_by_another(
    database: Database, database_url: str, tenant: Tenant
) -> None:
    receiver, before = Receiver(), metrics.possible_duplicates._value.get()
    async with target(receiver.serve) as url:
        async with running(database_url, drain_seconds=0.2) as first:
            [job] = await add(database, tenant, url=url.url())
            await receiver.wait()
            assert 0.2 <= await first.end() < 2.0
        async with database.raw() as db:
            row = await db.fetchrow("SELECT outcome, bytes_sent > 0 FROM attempts")
            assert tuple(row) == ("interrupted", True)
        assert metrics.possible_duplicates._value.get() == before + 1
        receiver.go.set()
        async with running(database_url):
            await until(database, endings=1)
    assert receiver.attempts == [(job, 1), (job, 2)]


async def test_a_second_signal_ends_the_window_early(
    database: Database, database_url: str, tenant: Tenant
) -> None:
    receiver = Receiver()
    async with target(receiver.serve) as url, running(database_url, drain_seconds=600.0) as made:
        await add(database, tenant, url=url.url())
        await receiver.wait()
        made.stop.set()
        made.hurry.set()
        assert await made.end() < 2.0
    assert await tally(database) == {"timers": 1}


async def test_a_drain_ends_although_the_database_is_gone(
    database: Database, database_url: str, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replica_module, "_LAST_WRITES_SECONDS", 0.5)
    receiver = Receiver()
    async with (
        target(receiver.serve) as url,
        proxied(database_url) as proxy,
        running(proxy.dsn, drain_seconds=0.5) as made,
    ):
        await add(database, tenant, url=url.url())
        await receiver.wait()
        proxy.cut()
        receiver.go.set()
        assert await made.end() < 4.0
    assert await tally(database) == {"leases": 1}
