"""One row a replica: written with each beat, kept while a lease names it."""

from uuid import UUID, uuid4

from core.db import Database, Raw
from core.jobs import store as jobs
from core.replicas import store as replicas
from core.replicas.store import Replica
from tests.jobs import make_job, make_tenant


async def beat(db: Raw, *, ttl_seconds: float = 15.0, draining: bool = False, id: UUID | None = None) -> UUID:
    replica = Replica(id or uuid4(), 8, "host-1")
    await replicas.beat(db, replica, ttl_seconds=ttl_seconds, draining=draining)
    return replica.id


async def rows(db: Raw) -> set[UUID]:
    return {row[0] for row in await db.fetch("SELECT id FROM replicas")}


async def hold(database: Database, replica: UUID) -> None:
    """Let a replica hold a lease."""
    tenant = await make_tenant(database)
    async with database.raw() as db:
        await make_job(db, tenant)
        await jobs.claim(db, [(tenant.queue_id, 1, None)], replica=replica)


async def test_the_first_beat_makes_the_row_and_later_ones_move_it_on(database: Database) -> None:
    async with database.raw() as db:
        replica = await beat(db, ttl_seconds=1.0)
        first = await db.fetchrow("SELECT started_at, beat_at, expires_at FROM replicas")
        await beat(db, id=replica, draining=True)
        second = await db.fetchrow("SELECT started_at, beat_at, expires_at, draining, host FROM replicas")
    assert second["started_at"] == first["started_at"]
    assert second["beat_at"] > first["beat_at"]
    assert (second["draining"], second["host"]) == (True, "host-1")
    assert 14 < (second["expires_at"] - second["beat_at"]).total_seconds() <= 15


async def test_leaving_removes_the_row(database: Database) -> None:
    async with database.raw() as db:
        gone, stays = await beat(db), await beat(db)
        await replicas.leave(db, gone)
        assert await rows(db) == {stays}


async def test_a_replica_that_still_holds_a_lease_leaves_by_missing_its_beats(database: Database) -> None:
    """Without its row the lease would be reaped at once, while the call may still be on the wire."""
    async with database.raw() as db:
        replica = await beat(db)
    await hold(database, replica)
    async with database.raw() as db:
        await replicas.leave(db, replica)
        assert await rows(db) == {replica}


async def test_only_rows_long_expired_are_forgotten(database: Database) -> None:
    async with database.raw() as db:
        await beat(db, ttl_seconds=-61.0)
        fresh = await beat(db, ttl_seconds=-59.0)
        assert await replicas.forget(db, after_seconds=60.0) == 1
        assert await rows(db) == {fresh}
