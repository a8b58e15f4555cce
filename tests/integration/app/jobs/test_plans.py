"""How PostgreSQL runs lists of jobs: by the index of what is asked, looking at so many jobs and no more."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from app.jobs import pages
from app.jobs.filters import Filter
from core.db import Raw
from core.jobs.model import State
from tests.integration.core.jobs.test_plans import Plans, admin, fill, indexes, session, whole

__all__ = ["admin"]

OVER = "endings_tenant_id_state_job_id_idx"
# A single job is found by either; a tenant's are walked by the second.
JOBS = {"jobs_pkey", "jobs_tenant_id_id_idx"}
STATES = {"timers_pkey", "ready_job_id_idx", "leases_pkey", "endings_pkey"}
LISTS: dict[str, tuple[Filter, int, set[str]]] = {
    "all": (Filter(), 0, set()),
    "ended": (Filter(states=frozenset({State.SUCCEEDED})), 0, {OVER}),
    "ended by url": (
        Filter(states=frozenset({State.FAILED, State.CANCELLED}), url_contains="x"),
        0,
        {OVER},
    ),
    "by url": (Filter(url_contains="nowhere"), 0, set()),
    "few that wait": (Filter(states=frozenset({State.QUEUED})), 2**40, STATES),
    "many that wait": (Filter(states=frozenset({State.QUEUED})), 0, STATES),
    "running": (Filter(states=frozenset({State.RUNNING, State.CANCELLING})), 2**40, STATES),
    "mixed": (Filter(states=frozenset({State.SCHEDULED, State.FAILED})), 2**40, {OVER} | STATES),
}


class Recorder:
    """A connection that keeps the statements it is asked."""

    def __init__(self, db: Raw) -> None:
        self._db = db
        self.asked: list[tuple[str, tuple[Any, ...]]] = []

    async def execute(self, statement: str) -> None:
        await self._db.execute(statement)

    async def fetch(self, statement: str, *values: Any) -> Any:
        self.asked.append((statement, values))
        return await self._db.fetch(statement, *values)

    async def fetchval(self, statement: str, *values: Any) -> Any:
        if "pg_relation_size" not in statement:
            self.asked.append((statement, values))
        return await self._db.fetchval(statement, *values)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Raw]:
    """A connection as the application has it."""
    opened = await session(database_url, {})
    yield opened
    await opened.close()


async def plans(
    planner: Plans, db: Raw, which: Filter, options: str = ""
) -> tuple[list[dict[str, Any]], list[UUID]]:
    """What a page of the first tenant's jobs reads, and the ids on it."""
    tenant = await db.fetchval("SELECT tenant_id FROM queues ORDER BY id LIMIT 1")
    recorder: Any = Recorder(db)
    async with db.transaction():
        walk = await pages.step(recorder, which, tenant=tenant, before=None, limit=20)
        nodes: list[dict[str, Any]] = []
        for statement, values in recorder.asked:
            nodes += await planner.of((statement, ", ".join(map(_literal, values))), options=options)
    return nodes, walk.ids


def _literal(value: Any) -> str:
    match value:
        case None:
            return "NULL"
        case int():
            return str(value)
        case list():
            return f"'{{{','.join(value)}}}'"
        case _:
            return f"'{value}'"


@pytest.mark.parametrize(("which", "small", "expected"), LISTS.values(), ids=LISTS)
async def test_a_list_goes_by_its_index(
    admin: Raw, db: Raw, which: Filter, small: int, expected: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.jobs.pages.SMALL_BYTES", small)
    await fill(admin, jobs=20_000)
    nodes, _ = await plans(Plans(db), db, which)
    assert (whole(nodes), indexes(nodes) - JOBS) == (set(), expected)


@pytest.mark.heavy
@pytest.mark.timeout(600)
async def test_a_list_among_a_million_jobs_reads_no_more(
    admin: Raw, db: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where nothing fits: so many looks, and the page ends."""
    await fill(admin, jobs=1_250_000, timers=80)
    planner = Plans(db)
    for name, (which, small, expected) in LISTS.items():
        monkeypatch.setattr("app.jobs.pages.SMALL_BYTES", small if which.states else 0)
        nodes, _ = await plans(planner, db, which, ", ANALYZE, BUFFERS, TIMING OFF")
        read = sum(node["Shared Hit Blocks"] + node["Shared Read Blocks"] for node in nodes)
        assert (whole(nodes), indexes(nodes) - JOBS) == (set(), expected), name
        assert read < pages.LOOKS * 20, name
