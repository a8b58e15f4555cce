"""Erased tenants: nothing of them stays, nothing of others goes."""

from uuid import UUID

import pytest

from core import ids
from core.db import Database
from core.jobs import store as jobs
from core.jobs.model import Outcome
from core.tables import metadata
from reaper.erasure import Erasure
from tests.jobs import Tenant, make_job, make_tenant, settlement

REPLICA = ids.new()


@pytest.fixture
async def gone(database: Database) -> Tenant:
    """A tenant with a job in every state, erased an hour ago."""
    tenant = await make_tenant(database)
    await furnish(database, tenant)
    async with database.raw() as db:
        await db.execute("UPDATE tenants SET erased_at = now() - interval '1 hour' WHERE id = $1", tenant.id)
        await db.execute("UPDATE queues SET paused = true WHERE tenant_id = $1", tenant.id)
    return tenant


async def furnish(database: Database, tenant: Tenant) -> None:
    async with database.raw() as db:
        for outcome in (Outcome.SUCCEEDED, Outcome.FAILED):
            await make_job(db, tenant)
            [lease] = await jobs.claim(db, [(tenant.queue_id, 1, None)], replica=REPLICA)
            await jobs.settle(db, [settlement(lease, outcome, body=b"canary", status=200)])
        await make_job(db, tenant)
        await make_job(db, tenant, delay_seconds=3600.0, scope="x", key="k", request_hash=b"h")
        for statement in (
            "INSERT INTO signing_secrets (id, tenant_id, sealed) VALUES (gen_random_uuid(), $1, '')",
            "INSERT INTO request_buckets (tenant_id, spent_until, granted) VALUES ($1, now(), 1)",
            """INSERT INTO api_tokens (id, tenant_id, name, prefix, token_hash, scopes)
               VALUES (gen_random_uuid(), $1, '', '', uuid_send($1), '{}')""",
            """INSERT INTO audit (id, tenant_id, actor, action, subject, request_id)
               VALUES (gen_random_uuid(), $1, 'user', 'token.created', '', '')""",
        ):
            await db.execute(statement, tenant.id)


async def rows(database: Database, tenant: UUID) -> dict[str, int]:
    """How many rows of a tenant each table has."""
    tables = [table.name for table in metadata.sorted_tables if "tenant_id" in table.columns]
    async with database.raw() as db:
        counted = {
            name: await db.fetchval(f"SELECT count(*) FROM {name} WHERE tenant_id = $1", tenant)
            for name in tables
        }
        counted["tenants"] = await db.fetchval("SELECT count(*) FROM tenants WHERE id = $1", tenant)
    return {name: count for name, count in counted.items() if count}


async def finish(erasure: Erasure) -> int:
    passes = 0
    while await erasure.once():
        passes += 1
    return passes


async def test_nothing_of_an_erased_tenant_stays(database: Database, gone: Tenant) -> None:
    assert {"jobs", "timers", "ready", "endings", "dead_letters", "attempts", "events"} <= set(
        await rows(database, gone.id)
    )
    await finish(Erasure(database))
    assert await rows(database, gone.id) == {}


async def test_others_keep_everything(database: Database, gone: Tenant) -> None:
    other = await make_tenant(database)
    await furnish(database, other)
    before = await rows(database, other.id)
    await finish(Erasure(database))
    assert await rows(database, other.id) == before


async def test_small_batches_come_to_the_same_end(database: Database, gone: Tenant) -> None:
    assert await finish(Erasure(database, batch=1)) > 5
    assert await rows(database, gone.id) == {}


async def test_who_erased_it_stays_known(database: Database, gone: Tenant) -> None:
    async with database.raw() as db:
        await db.execute(
            """INSERT INTO audit (id, tenant_id, actor, action, subject, request_id)
               VALUES (gen_random_uuid(), $1, 'user', 'tenant.erased', '', '')""",
            gone.id,
        )
    await finish(Erasure(database))
    assert await rows(database, gone.id) == {"audit": 1}


async def test_what_runs_is_aborted_and_waited_for(database: Database, gone: Tenant) -> None:
    async with database.raw() as db:
        await db.execute("UPDATE queues SET paused = false")
        [lease] = await jobs.claim(db, [(gone.queue_id, 1, None)], replica=REPLICA)
        await finish(Erasure(database))
        assert await db.fetchval("SELECT cancel_requested_at IS NOT NULL FROM leases")
        assert (await rows(database, gone.id)).keys() >= {"jobs", "leases", "tenants"}
        await jobs.settle(db, [settlement(lease, Outcome.TIMED_OUT, retry_seconds=1.0)])
    await finish(Erasure(database))
    assert await rows(database, gone.id) == {}


async def test_history_that_outlived_its_job_goes_too(database: Database, gone: Tenant) -> None:
    async with database.raw() as db:
        await db.execute("DELETE FROM jobs")
    await finish(Erasure(database))
    assert await rows(database, gone.id) == {}


async def test_nothing_goes_before_what_was_starting_has_started(database: Database, gone: Tenant) -> None:
    async with database.raw() as db:
        await db.execute("UPDATE tenants SET erased_at = now()")
    assert await Erasure(database).once() == 0
    assert "jobs" in await rows(database, gone.id)


async def test_a_tenant_that_is_not_erased_is_left_alone(database: Database) -> None:
    tenant = await make_tenant(database)
    await furnish(database, tenant)
    before = await rows(database, tenant.id)
    assert await Erasure(database).once() == 0
    assert await rows(database, tenant.id) == before


async def test_two_reapers_take_two_tenants(database: Database, database_url: str, gone: Tenant) -> None:
    async with database.raw() as db, db.transaction():
        await db.execute("SELECT FROM tenants WHERE id = $1 FOR UPDATE", gone.id)
        second = Database(database_url, name="second")
        assert await Erasure(second).once() == 0
        await second.close()
