"""Retention of ended jobs and dead letters: what goes, what stays, and that it never reads a table whole."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from prometheus_client import REGISTRY

from app.jobs import reading
from app.jobs import store as reads
from core.db import PLANNED_ANEW, Database, Raw
from core.jobs import store as jobs
from reaper import store
from reaper.retention import Outlived, dead_letters, ended_jobs
from reaper.store import Place
from tests.integration.reaper.old import ended, failed, minted, old_job
from tests.jobs import Tenant, make_job, make_tenant


@pytest.fixture
async def tenant(database: Database) -> Tenant:
    return await make_tenant(database)


async def keep(db: Raw, tenant: Tenant, *, jobs: int | None = None, letters: int | None = None) -> None:
    await db.execute(
        "UPDATE tenants SET keep_jobs_days = $2, keep_dead_letters_days = $3 WHERE id = $1",
        tenant.id, jobs, letters,
    )  # fmt: skip


async def left(db: Raw, table: str = "jobs") -> set[UUID]:
    key = "id" if table == "jobs" else "job_id"
    return {row[0] for row in await db.fetch(f"SELECT {key} FROM {table}")}


async def finish(walk: Outlived) -> int:
    """To the end of the walk; how many passes that took."""
    passes = 1
    while await walk.once():
        passes += 1
    return passes


async def test_a_job_goes_when_it_ended_thirty_days_ago_and_not_before(
    database: Database, db: Raw, tenant: Tenant
) -> None:
    await ended(db, tenant, finished=30.01)
    young = await ended(db, tenant, finished=29.99)
    await finish(ended_jobs(database))
    assert await left(db) == await left(db, "endings") == {young}


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled"])
async def test_a_job_goes_however_it_ended(database: Database, db: Raw, tenant: Tenant, state: str) -> None:
    await ended(db, tenant, finished=31, state=state)
    await finish(ended_jobs(database))
    assert await left(db) == set()


async def test_each_tenant_keeps_its_jobs_for_as_long_as_it_says(
    database: Database, db: Raw, tenant: Tenant
) -> None:
    others = [await make_tenant(database) for _ in range(2)]
    await keep(db, tenant, jobs=7)
    await keep(db, others[0], jobs=60)
    await ended(db, tenant, finished=8)
    await ended(db, others[1], finished=31)
    stay = {await ended(db, tenant, finished=6), await ended(db, others[0], finished=59)}
    await finish(ended_jobs(database))
    assert await left(db) == stay


async def test_for_ever_is_for_ever(database: Database, db: Raw, tenant: Tenant) -> None:
    await keep(db, tenant, jobs=0, letters=0)
    job = await failed(db, tenant, finished=10_000)
    await finish(ended_jobs(database))
    await finish(dead_letters(database))
    assert await left(db) == await left(db, "dead_letters") == {job}


async def test_a_job_that_is_not_over_stays_however_old_it_is(
    database: Database, db: Raw, tenant: Tenant
) -> None:
    running = await old_job(db, tenant, created=400)
    await jobs.claim(db, [(tenant.queue_id, 1, None)], replica=uuid4())
    queued = await old_job(db, tenant, created=400)
    scheduled = await make_job(db, tenant, id=await minted(db, 400), delay_seconds=60.0)
    await finish(ended_jobs(database))
    assert await left(db) == {queued, running, scheduled}
    assert await db.fetchval("SELECT job_id FROM leases") == running


async def test_a_job_with_a_lease_stays_whatever_else_is_written(
    database: Database, db: Raw, tenant: Tenant
) -> None:
    job = await old_job(db, tenant, created=400)
    await jobs.claim(db, [(tenant.queue_id, 1, None)], replica=uuid4())
    await db.execute(
        "INSERT INTO endings VALUES ($1, $2, 'succeeded', 1, NULL, NULL, NULL, now() - interval '99 days')",
        job, tenant.id,
    )  # fmt: skip
    await finish(ended_jobs(database))
    assert await left(db) == await left(db, "endings") == {job}


async def test_what_counts_is_the_end_not_the_beginning(database: Database, db: Raw, tenant: Tenant) -> None:
    job = await ended(db, tenant, created=400, finished=1)
    await finish(ended_jobs(database))
    assert await left(db) == {job}


async def test_young_endings_of_old_jobs_do_not_hide_those_behind_them(
    database: Database, db: Raw, tenant: Tenant
) -> None:
    """Jobs with a long delay come first in the order of ids, and fill whole batches."""
    stay = {await ended(db, tenant, created=400 - number, finished=1) for number in range(7)}
    await ended(db, tenant, finished=31)
    assert await finish(ended_jobs(database, batch=3)) == 3
    assert await left(db) == stay


async def test_a_pass_removes_no_more_than_a_batch_and_the_walk_removes_all(
    database: Database, db: Raw, tenant: Tenant
) -> None:
    for state in ("succeeded", "failed", "cancelled"):
        for _ in range(5):
            await ended(db, tenant, finished=40, state=state)
    walk, before = ended_jobs(database, batch=4), 15
    while await walk.once():
        now = len(await left(db))
        assert before - now <= 4
        before = now
    assert await left(db) == await left(db, "endings") == set()


@pytest.mark.parametrize("page", [1, 2, 3])
async def test_every_tenant_gets_its_turn(database: Database, db: Raw, page: int) -> None:
    """Also those behind tenants that have nothing to remove."""
    for number in range(6):
        one = await make_tenant(database)
        if number % 2:
            await ended(db, one, finished=31, state="cancelled")
            await ended(db, one, finished=31)
    await finish(ended_jobs(database, tenants=page))
    assert await left(db) == set()


async def test_after_its_end_the_walk_begins_again(database: Database, db: Raw, tenant: Tenant) -> None:
    walk = ended_jobs(database, batch=2)
    await finish(walk)
    await ended(db, tenant, finished=31)
    await finish(walk)
    assert await left(db) == set()


async def test_a_tenant_that_is_being_erased_is_left_to_its_erasure(
    database: Database, db: Raw, tenant: Tenant
) -> None:
    job = await ended(db, tenant, finished=31)
    await db.execute("UPDATE tenants SET erased_at = now()")
    await finish(ended_jobs(database))
    assert await left(db) == {job}


async def test_two_walks_at_once_remove_each_job_once(
    database: Database, database_url: str, db: Raw, tenant: Tenant
) -> None:
    for _ in range(60):
        await ended(db, tenant, finished=31)
    before = counted("jobs")
    await asyncio.gather(*(finish(ended_jobs(database, batch=7)) for _ in range(4)))
    assert await left(db) == set()
    assert counted("jobs") - before == 60


def counted(kind: str) -> float:
    return REGISTRY.get_sample_value("noonmark_rows_removed_total", {"kind": kind}) or 0.0


async def test_a_job_that_somebody_holds_is_passed_over_and_comes_next_time(
    database: Database, db: Raw, tenant: Tenant
) -> None:
    held, free = [await ended(db, tenant, finished=31) for _ in range(2)]
    walk = ended_jobs(database)
    async with db.transaction():
        await db.execute("SELECT FROM jobs WHERE id = $1 FOR UPDATE", held)
        await finish(walk)
        assert await left(db) == {held}
    await finish(walk)
    assert free not in await left(db) == set()


async def test_a_job_stays_while_its_idempotency_key_counts(
    database: Database, db: Raw, tenant: Tenant
) -> None:
    """Also at the shortest retention there is, and if it ended as soon as it was made."""
    await keep(db, tenant, jobs=1)
    await make_job(db, tenant, scope="s", key="k", request_hash=b"h")
    hours = "SELECT extract(epoch FROM k.expires_at - j.created_at) / 3600 FROM idempotency_keys k, jobs j"
    assert await db.fetchval(hours) == 24
    await db.execute("DELETE FROM jobs")
    await ended(db, tenant, created=1.001, finished=1.001)
    stays = await ended(db, tenant, created=0.999, finished=0.999)
    await finish(ended_jobs(database))
    assert await left(db) == {stays}


async def test_a_dead_letter_outlives_its_job_and_goes_in_its_own_time(
    database: Database, db: Raw, tenant: Tenant
) -> None:
    await failed(db, tenant, finished=90.01)
    letter = await failed(db, tenant, finished=89.99)
    await finish(ended_jobs(database))
    await finish(dead_letters(database))
    assert await left(db) == set()
    assert await left(db, "dead_letters") == {letter}


async def test_a_dead_letter_may_go_before_its_job(database: Database, db: Raw, tenant: Tenant) -> None:
    await keep(db, tenant, jobs=60, letters=7)
    job = await failed(db, tenant, finished=8)
    await finish(ended_jobs(database))
    await finish(dead_letters(database))
    assert (await left(db), await left(db, "dead_letters")) == ({job}, set())


async def test_two_walks_at_once_remove_each_letter_once(database: Database, db: Raw, tenant: Tenant) -> None:
    for _ in range(30):
        await failed(db, tenant, finished=91)
    before = counted("dead_letters")
    await asyncio.gather(*(finish(dead_letters(database, batch=4)) for _ in range(3)))
    assert await left(db, "dead_letters") == set()
    assert counted("dead_letters") - before == 30


async def test_a_replay_reads_on_without_the_job_it_came_from(
    database: Database, db: Raw, tenant: Tenant
) -> None:
    gone = await ended(db, tenant, finished=31)
    child = await make_job(db, tenant, replay_of=gone)
    await finish(ended_jobs(database))
    stored = await reads.get(db, child, tenant=tenant.id)
    assert stored is not None
    assert reading.job(stored).replay_of == gone
    assert await reads.get(db, gone, tenant=tenant.id) is None


async def test_a_job_reads_on_without_its_history(db: Raw, tenant: Tenant) -> None:
    stored = await reads.get(db, await ended(db, tenant, finished=29), tenant=tenant.id)
    assert stored is not None
    shown = reading.job(stored)
    assert (shown.state, shown.attempts_made, shown.result, shown.last_error) == ("succeeded", 1, None, None)


_FILL = """
CREATE TEMP TABLE made AS
  SELECT mint(at, 0) AS id, at, i
  FROM generate_series(1, 100000) AS i, LATERAL (SELECT now() - interval '1 hour' * (i % 1000)) hour (at);
INSERT INTO jobs (id, tenant_id, queue_id, priority, target_type, target, body, timeout_seconds, success,
                  retry, labels, fire_at, request_id)
  SELECT id, '{tenant}', '{tenant}', 50, 'http', '{{}}', '', 30, '{{}}', '{{}}', '{{}}', at, 'r' FROM made;
INSERT INTO endings (job_id, tenant_id, state, attempts, finished_at)
  SELECT id, '{tenant}', CASE i % 10 WHEN 0 THEN 'failed' ELSE 'succeeded' END, 1, at FROM made;
ANALYZE;
"""


@pytest.fixture
async def planner(database_url: str) -> AsyncIterator[Raw]:
    """A connection that plans as the reaper does."""
    db = await asyncpg.connect(database_url, server_settings={"jit": "off", **PLANNED_ANEW})
    yield db
    await db.close()


async def test_the_walk_reads_only_what_may_be_old_by_the_index_of_endings(
    database: Database, planner: Raw
) -> None:
    """Of two tenants one has everything; the other one's turn may not read it either."""
    tenants = [await make_tenant(database) for _ in range(2)]
    await planner.execute(_FILL.format(tenant=tenants[0].id), timeout=60)
    for first in tenants:
        nodes = await plan(planner, store.OLD_JOBS, Place(tenant_id=first.id), limit=500)
        walked = [node for node in nodes if node.get("Index Name") == "endings_tenant_id_state_job_id_idx"]
        whole = {node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"}
        assert walked
        assert not whole & {"jobs", "endings"}
        assert sum(node["Actual Rows"] * node["Actual Loops"] for node in walked) <= 1500


async def plan(db: Raw, statement: str, place: Place, *, limit: int) -> list[dict[str, Any]]:
    """All nodes of the plan of a statement that was carried out and undone."""
    transaction = db.transaction()
    await transaction.start()
    explained = await db.fetchval(
        f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", place.tenant_id, place.state, place.job_id, limit, 500
    )
    await transaction.rollback()
    return _nodes(json.loads(explained)[0]["Plan"])


def _nodes(node: dict[str, Any]) -> list[dict[str, Any]]:
    return [node, *(below for child in node.get("Plans", ()) for below in _nodes(child))]
