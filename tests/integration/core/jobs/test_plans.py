"""How PostgreSQL runs the hot statements: always by the index they were written for, whatever waits.

A plan that reads a table whole works in every other test and fails on the first backlog.
"""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import asyncpg
import pytest

from core.db import BY_INDEX, PLANNED_ANEW, Raw
from core.jobs import limits, statements

HOT = ("timers", "ready", "leases", "jobs", "endings", "attempts")

_ID = "gen_random_uuid()"
_FIRST = "'00000000-0000-0000-0000-000000000000'"
SURVEY = (statements.SURVEY, f"'-infinity', 1024, {_FIRST}, '{{0, 1}}'")
PLAN = (statements.PLAN, "512, '-infinity'")
_QUEUES = "ARRAY['00000000-0000-0000-0001-000000000001', '00000000-0000-0000-0001-000000000002']::uuid[]"
_MARKS = "ARRAY['-infinity', '-infinity']::float8[]"
CLAIM = (statements.CLAIM, f"{_ID}, {_QUEUES}, ARRAY[5, 5], {_MARKS}, '{{0, 0}}'")
CLAIM_LIMITED = (
    limits.CLAIM,
    f"{_ID}, {_QUEUES}, ARRAY[5, 5], {_MARKS}, {_QUEUES}, '{{0, 1}}'",
)
CLAIM_AHEAD = (statements.CLAIM_AHEAD, f"{_ID}, 256, 1.0, '{{0, 1}}', {_QUEUES}")
EXPIRED = (statements.EXPIRED, "10, 200")
SETTLE = (
    statements.SETTLE,
    f"""'{{}}', ARRAY[{_ID}], ARRAY[1], ARRAY[{_ID}], ARRAY['failed'], ARRAY[NULL::float8], ARRAY[0.0],
        ARRAY[0.0], ARRAY['r'], ARRAY[1], ARRAY[200], ARRAY['{{}}'::bytea], ARRAY['x'::bytea], ARRAY[false],
        ARRAY['c'], ARRAY['m']""",
)

# A fifth of the jobs each waits, is ready, has ended; the rest is leased by fifty replicas.
_FILL = """
WITH made AS (
  INSERT INTO tenants (id, name) SELECT gen_random_uuid(), 't' FROM generate_series(1, 50) RETURNING id)
INSERT INTO queues (id, tenant_id, name)
  SELECT ('00000000-0000-0000-0001-' || lpad((row_number() OVER ())::text, 12, '0'))::uuid, id, 'default'
  FROM made;
CREATE TEMP TABLE lane AS SELECT id, tenant_id, row_number() OVER (ORDER BY id) AS number FROM queues;
INSERT INTO limits (id, max_concurrency) SELECT id, 20 FROM lane WHERE number %% 2 = 0
  UNION ALL SELECT tenant_id, 30 FROM lane WHERE number %% 3 = 0;
UPDATE queues q SET limited = true WHERE EXISTS (SELECT FROM limits l WHERE l.id IN (q.id, q.tenant_id));
CREATE TEMP TABLE made AS
  SELECT mint(now() + i * interval '1 ms', 0) AS id, i, lane.tenant_id, lane.id AS queue_id,
         now() + (i - %(jobs)d / 2) * interval '100 ms' AS fire_at
  FROM generate_series(1, %(jobs)d) AS i JOIN lane ON lane.number = i %% 50 + 1;
INSERT INTO jobs (id, tenant_id, queue_id, priority, target_type, target, body, timeout_seconds, success,
                  retry, labels, fire_at, request_id)
  SELECT id, tenant_id, queue_id, 50, 'http', '{}', '', 30, '{}', '{}', '{}', fire_at, 'r' FROM made;
INSERT INTO timers (job_id, tenant_id, queue_id, due_at, attempt, losses, priority)
  SELECT id, tenant_id, queue_id, fire_at, 1, 0, 50 FROM made WHERE i %% 100 < %(timers)d;
INSERT INTO ready (queue_id, rank_at, job_id, tenant_id, due_at, attempt, losses, priority)
  SELECT queue_id, fire_at, id, tenant_id, fire_at, 1, 0, 50 FROM made
  WHERE i %% 100 >= %(timers)d AND i %% 10 = 7;
INSERT INTO leases (job_id, tenant_id, queue_id, due_at, attempt, losses, priority, lease_token, replica_id,
                    claimed_at, deadline_at, limited)
  SELECT id, tenant_id, queue_id, fire_at, 1, 0, 50, gen_random_uuid(),
         ('00000000-0000-0000-0000-' || lpad((i %% 50)::text, 12, '0'))::uuid, now(), now() + interval '35 s',
         EXISTS (SELECT FROM queues q WHERE q.id = made.queue_id AND q.limited)
  FROM made WHERE i %% 100 >= %(timers)d AND i %% 10 = 8;
INSERT INTO leases (job_id, tenant_id, queue_id, due_at, attempt, losses, priority, lease_token, replica_id,
                    claimed_at, deadline_at, limited)
  SELECT gen_random_uuid(), tenant_id, id, now(), 1, 0, 50, gen_random_uuid(), gen_random_uuid(), now(),
         now() + interval '35 s', EXISTS (SELECT FROM queues q WHERE q.id = lane.id AND q.limited)
  FROM generate_series(1, 10000) AS i JOIN lane ON lane.number = i %% 50 + 1;
INSERT INTO endings (job_id, tenant_id, state, attempts, finished_at)
  SELECT id, tenant_id, 'succeeded', 1, now() FROM made WHERE i %% 100 >= %(timers)d AND i %% 10 = 9;
INSERT INTO attempts (job_id, id, tenant_id, number, lease_token, replica_id, outcome, started_at,
                      finished_at, duration_ms, request_id, bytes_sent, truncated)
  SELECT job_id, mint(now(), 0), tenant_id, 1, gen_random_uuid(), gen_random_uuid(), 'succeeded', now(),
         now(), 1, 'r', 1, false FROM endings;
"""


async def session(dsn: str, planning: Mapping[str, str]) -> Raw:
    """A connection that plans as the processes do."""
    return await asyncpg.connect(dsn, server_settings={"jit": "off", **planning})


@pytest.fixture
async def admin(database_url: str) -> AsyncIterator[Raw]:
    db = await session(database_url, {})
    yield db
    await db.close()


async def fill(db: Raw, *, jobs: int, timers: int = 20) -> None:
    """So many jobs, ``timers`` per cent of them waiting."""
    await db.execute(_FILL % {"jobs": jobs, "timers": timers}, timeout=300)
    await db.execute("ANALYZE", timeout=300)


async def empty(db: Raw) -> None:
    """As an idle installation is found: every table was used, emptied and vacuumed."""
    for table in HOT:
        await db.execute(f"DELETE FROM {table}")
        await db.execute(f"VACUUM (ANALYZE) {table}")


class Plans:
    """The plans of statements in one session."""

    def __init__(self, db: Raw) -> None:
        self._db = db
        self._count = 0

    async def of(self, statement: tuple[str, str], *, options: str = "") -> list[dict[str, Any]]:
        """All nodes that read a table."""
        name, self._count = f"p{self._count}", self._count + 1
        await self._db.execute(f"PREPARE {name} AS {statement[0]}")
        found = await self._db.fetchval(f"EXPLAIN (FORMAT JSON{options}) EXECUTE {name}({statement[1]})")
        top = json.loads(found)[0]["Plan"]
        return [node for node in _nodes(top) if "Relation Name" in node or "Index Name" in node]


def _nodes(node: dict[str, Any]) -> list[dict[str, Any]]:
    return [node, *(below for child in node.get("Plans", ()) for below in _nodes(child))]


def whole(nodes: list[dict[str, Any]]) -> set[str]:
    """The hot tables that are read from end to end."""
    scanned = {node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"}
    return {table for table in scanned if table.startswith(HOT)}


def indexes(nodes: list[dict[str, Any]]) -> set[str]:
    """The indexes of hot tables that are used."""
    used = {node["Index Name"] for node in nodes if "Index Name" in node}
    return {name for name in used if name.startswith(HOT) and not name.startswith("attempts")}


LOOKING = {
    "survey": (SURVEY, {"ready_pkey", "timers_due_at_job_id_idx"}),
    "plan": (PLAN, {"timers_due_at_job_id_idx", "timers_pkey"}),
    "claim": (CLAIM, {"ready_pkey", "ready_job_id_idx", "jobs_pkey"}),
    "limited": (
        CLAIM_LIMITED,
        {
            "ready_pkey",
            "ready_job_id_idx",
            "jobs_pkey",
            "leases_queue_id_idx",
            "leases_tenant_id_idx",
            "leases_shares_idx",
        },
    ),
    "ahead": (CLAIM_AHEAD, {"timers_due_at_job_id_idx", "timers_pkey", "jobs_pkey"}),
}
KEEPING = {
    "settle": (SETTLE, {"leases_pkey", "jobs_pkey"}),
}


@pytest.mark.parametrize(("statement", "expected"), LOOKING.values(), ids=LOOKING)
async def test_looking_for_work_goes_by_its_index(
    admin: Raw, database_url: str, statement: tuple[str, str], expected: set[str]
) -> None:
    await fill(admin, jobs=20_000)
    db = await session(database_url, PLANNED_ANEW)
    nodes = await Plans(db).of(statement)
    await db.close()
    assert (whole(nodes), indexes(nodes)) == (set(), expected)


@pytest.mark.parametrize(("statement", "expected"), KEEPING.values(), ids=KEEPING)
async def test_settling_goes_by_its_index_with_a_plan_of_when_the_tables_were_empty(
    admin: Raw, database_url: str, statement: tuple[str, str], expected: set[str]
) -> None:
    await fill(admin, jobs=2000)
    await empty(admin)
    db = await session(database_url, {**BY_INDEX, "plan_cache_mode": "force_generic_plan"})
    nodes = await Plans(db).of(statement)
    await db.close()
    assert (whole(nodes), indexes(nodes)) == (set(), expected)


@pytest.mark.parametrize(("statement", "expected"), KEEPING.values(), ids=KEEPING)
async def test_settling_goes_by_its_index_when_the_tables_are_full(
    admin: Raw, database_url: str, statement: tuple[str, str], expected: set[str]
) -> None:
    await fill(admin, jobs=20_000)
    db = await session(database_url, {**BY_INDEX, "plan_cache_mode": "force_generic_plan"})
    nodes = await Plans(db).of(statement)
    await db.close()
    assert (whole(nodes), indexes(nodes)) == (set(), expected)


async def test_reaping_reads_no_table_but_the_leases(admin: Raw, database_url: str) -> None:
    await fill(admin, jobs=20_000)
    db = await session(database_url, PLANNED_ANEW)
    nodes = await Plans(db).of(EXPIRED)
    await db.close()
    assert whole(nodes) <= {"leases"}
    assert "jobs_pkey" in indexes(nodes)


@pytest.mark.heavy
async def test_a_million_timers_make_no_statement_read_more(admin: Raw, database_url: str) -> None:
    """Half of them are long due. What is touched is bounded by what is moved, not by what waits."""
    await fill(admin, jobs=1_250_000, timers=80)
    db = await session(database_url, PLANNED_ANEW)
    plans = Plans(db)
    for statement, expected in LOOKING.values():
        async with db.transaction():
            nodes = await plans.of(statement, options=", ANALYZE, BUFFERS, TIMING OFF")
        assert (whole(nodes), indexes(nodes)) == (set(), expected)
        assert sum(node["Shared Hit Blocks"] + node["Shared Read Blocks"] for node in nodes) < 30_000
    await db.close()
