"""Beats: sent from a thread of their own, on a connection of their own, and only for a loop that turns."""

import asyncio
import threading
from collections.abc import Callable
from uuid import uuid4

import pytest

from core import metrics
from core.db import Database, Raw
from core.jobs import store as jobs
from core.replicas import store as replicas
from core.replicas.store import Replica
from scheduler.fence import Fence
from scheduler.heartbeat import Heartbeat, Pulse
from tests.integration.scheduler.rig import add
from tests.integration.scheduler.running import Listening
from tests.jobs import Tenant
from tests.unit.scheduler.fakes import FakeClock, nowhere

TTL = 15.0


class Beating:
    """A heartbeat with clocks the test moves."""

    def __init__(self, database: Database, *, beat_seconds: float = 3600.0) -> None:
        self.clock = FakeClock()
        self.replica = Replica(uuid4(), 8, "test")
        self.fence = Fence(ttl_seconds=TTL, now=self.clock)
        self.pulse = Pulse(now=self.clock)
        self.beats = threading.Semaphore(0)
        self.heart = Heartbeat(
            database, self.replica, self.fence, self.pulse, ttl_seconds=TTL, beat_seconds=beat_seconds,
            beaten=self.beats.release, now=self.clock,
        )  # fmt: skip


async def row(db: Raw, replica: Replica) -> tuple[float, bool] | None:
    """Seconds until the replica's row expires, and whether it drains."""
    found = await db.fetchrow(
        "SELECT extract(epoch FROM expires_at - now())::float8, draining FROM replicas WHERE id = $1",
        replica.id,
    )
    return None if found is None else (found[0], found[1])


async def test_a_beat_writes_the_row_and_lifts_the_fence(database: Database) -> None:
    made = Beating(database)
    async with database.raw() as db:
        assert await made.heart.once(db)
        found = await row(db, made.replica)
    assert found is not None
    assert (TTL - 2 < found[0] <= TTL, found[1], made.fence.alive()) == (True, False, True)


async def test_a_beat_is_one_statement_and_touches_no_lease_however_many_are_held(
    database: Database, database_url: str, tenant: Tenant
) -> None:
    seen: list[str] = []
    made = Beating(Listening(database_url, seen, name="test"))
    await add(database, tenant, 100)
    async with database.raw() as db:
        assert len(await jobs.claim(db, [(tenant.queue_id, 100, None)], replica=made.replica.id)) == 100
        before = await db.fetch("SELECT job_id, xmin, ctid FROM leases ORDER BY job_id")
        made.heart.start()
        assert await asyncio.to_thread(made.beats.acquire, timeout=10)
        await asyncio.to_thread(made.heart.stop)
        assert await db.fetch("SELECT job_id, xmin, ctid FROM leases ORDER BY job_id") == before
    assert len(seen) == 1, seen


async def test_the_beat_is_withheld_when_the_loop_stands_still(database: Database) -> None:
    made = Beating(database)
    missed = metrics.beats_missed._value.get()
    made.clock.now += TTL / 2 + 0.1
    async with database.raw() as db:
        assert not await made.heart.once(db)
        assert await row(db, made.replica) is None
    assert (made.fence.alive(), metrics.beats_missed._value.get()) == (False, missed + 1)


@pytest.mark.promise(5)
async def test_a_beat_counts_from_before_it_was_sent(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It took so long to arrive that the row it wrote may have expired meanwhile."""
    made = Beating(database)
    real = replicas.beat

    async def slow(db: Raw, replica: Replica, *, ttl_seconds: float, draining: bool) -> None:
        await real(db, replica, ttl_seconds=ttl_seconds, draining=draining)
        made.clock.now += TTL * 0.8

    monkeypatch.setattr(replicas, "beat", slow)
    async with database.raw() as db:
        assert await made.heart.once(db)
    assert not made.fence.alive()


async def test_it_needs_no_connection_of_the_pool(database_url: str) -> None:
    database = Database(database_url, name="one", size=1)
    made = Beating(database)
    async with database.raw():
        made.heart.start()
        assert await asyncio.to_thread(made.beats.acquire, timeout=10)
    await asyncio.to_thread(made.heart.stop)
    await database.close()


async def test_a_busy_event_loop_does_not_hold_up_the_beats(database: Database) -> None:
    made = Beating(database, beat_seconds=0.01)
    made.heart.start()
    assert all(made.beats.acquire(timeout=10) for _ in range(5))
    await asyncio.to_thread(made.heart.stop)


async def test_beats_go_on_after_their_connection_was_cut(database: Database) -> None:
    made = Beating(database, beat_seconds=0.01)
    made.heart.start()
    assert await asyncio.to_thread(made.beats.acquire, timeout=10)
    async with database.raw() as db:
        cut = await db.fetchval(
            """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()"""
        )
    assert cut >= 1
    term = made.fence.term
    assert all([await asyncio.to_thread(made.beats.acquire, timeout=10) for _ in range(200)])
    assert made.fence.holds(term)
    await asyncio.to_thread(made.heart.stop)


async def test_draining_is_said_at_once(database: Database) -> None:
    made = Beating(database)
    made.heart.start()
    assert await asyncio.to_thread(made.beats.acquire, timeout=10)
    made.heart.drain()
    assert await asyncio.to_thread(made.beats.acquire, timeout=10)
    async with database.raw() as db:
        found = await row(db, made.replica)
    assert found is not None
    assert found[1]
    await asyncio.to_thread(made.heart.stop)


@pytest.mark.parametrize("where", [nowhere, None])
async def test_it_stops_at_once_also_without_a_database(
    database: Database, where: Callable[[], Database] | None
) -> None:
    made = Beating(where() if where else database)
    made.heart.start()
    began = asyncio.get_running_loop().time()
    await asyncio.to_thread(made.heart.stop)
    assert asyncio.get_running_loop().time() - began < 1.0
    assert not made.heart._thread.is_alive()


async def test_a_replica_leaves_no_row_unless_it_holds_leases(database: Database) -> None:
    made = Beating(database)
    async with database.raw() as db:
        await made.heart.once(db)
        await replicas.leave(db, made.replica.id)
        assert await row(db, made.replica) is None
