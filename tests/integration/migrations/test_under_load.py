"""Every migration runs beside the last version's processes: it holds up nobody for long, or changes nothing.

The load cannot be ours, since the code knows one schema only. It takes, in short transactions, the locks that
reading and writing take, on every table that there is, and measures how long it has to wait for them.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError

from tests.conftest import _ROOT, at, migrate

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(300)]

_JOBS = 50_000
_LONGEST_STALL_SECONDS = 1.5
_LONGEST_TRY_SECONDS = 8.0
_HOLD_SECONDS = 0.005
_LOADERS = 4

_TABLES = """
SELECT quote_ident(relname) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
"""
_FILL = """
WITH made AS (
  INSERT INTO jobs (id, tenant_id, queue_id, priority, target_type, target, body, timeout_seconds, success,
                    retry, labels, fire_at, request_id)
  SELECT gen_random_uuid(), t, t, 50, 'http', '{"url": "https://example.com/"}', repeat('x', 200)::bytea, 30,
         '{}', '{}', '{}', now(), 'r'
  FROM gen_random_uuid() t, generate_series(1, $1) RETURNING id, tenant_id, queue_id, fire_at),
timed AS (
  INSERT INTO timers (job_id, tenant_id, queue_id, due_at, attempt, losses, priority)
  SELECT id, tenant_id, queue_id, fire_at, 1, 0, 50 FROM made)
INSERT INTO endings (job_id, tenant_id, state, attempts, finished_at)
SELECT id, tenant_id, 'succeeded', 1, now() FROM made
"""


def _steps() -> list[tuple[str, str]]:
    """Each revision with the one before it."""
    config = Config(str(_ROOT / "alembic.ini"))
    revisions = ScriptDirectory.from_config(config).walk_revisions()
    return sorted((str(each.down_revision), each.revision) for each in revisions if each.down_revision)


@pytest.fixture
async def filled(server: str) -> AsyncIterator[str]:
    """DSN of a database at the first revision, with jobs in it."""
    name = "under_load"
    connection = await asyncpg.connect(server)
    await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    await connection.execute(f"CREATE DATABASE {name}")
    dsn = at(server, name)
    await migrate(dsn, "0001")
    inside = await asyncpg.connect(dsn)
    await inside.execute(_FILL, _JOBS)
    await inside.close()
    yield dsn
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


class Load:
    """What a version that does not change asks of every table, and the longest that it waited."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._over = asyncio.Event()
        self.longest = 0.0
        self.rounds = 0

    async def _go_on(self, tables: list[str]) -> None:
        connection = await asyncpg.connect(self._dsn)
        while not self._over.is_set():
            for table in tables:
                began = time.monotonic()
                async with connection.transaction():
                    await connection.execute(f"LOCK TABLE {table} IN ROW EXCLUSIVE MODE")
                    await connection.fetch(f"SELECT FROM {table} LIMIT 1 FOR UPDATE SKIP LOCKED")
                    self.longest = max(self.longest, time.monotonic() - began)
                    await asyncio.sleep(_HOLD_SECONDS)
                self.rounds += 1
        await connection.close()

    @asynccontextmanager
    async def running(self, tables: list[str]) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(self._go_on(tables)) for _ in range(_LOADERS)]
        await asyncio.sleep(0.1)
        self.longest = 0.0
        try:
            yield
        finally:
            self._over.set()
            await asyncio.gather(*tasks)


async def _tables(dsn: str) -> list[str]:
    connection = await asyncpg.connect(dsn)
    names = [str(row[0]) for row in await connection.fetch(_TABLES)]
    await connection.close()
    return [name for name in names if name != "alembic_version"]


async def test_no_migration_holds_up_those_who_read_and_write(filled: str) -> None:
    stalls = dict[str, float]()
    for _before, revision in _steps():
        load = Load(filled)
        async with load.running(await _tables(filled)):
            await migrate(filled, revision)
        assert load.rounds > 0
        stalls[revision] = round(load.longest, 3)
    assert stalls.keys() == {revision for _, revision in _steps()}
    assert {name: stall for name, stall in stalls.items() if stall > _LONGEST_STALL_SECONDS} == {}


async def test_a_migration_that_cannot_get_its_locks_gives_up_soon_and_changes_nothing(filled: str) -> None:
    reader = await asyncpg.connect(filled)
    for before, revision in _steps():
        async with reader.transaction():
            # A report that takes hours: it holds up nobody but who wants a table for himself.
            for table in await _tables(filled):
                await reader.execute(f"LOCK TABLE {table} IN ACCESS SHARE MODE")
            began = time.monotonic()
            done = await _tried(filled, revision)
            assert time.monotonic() - began < _LONGEST_TRY_SECONDS, revision
        found = await reader.fetchval("SELECT version_num FROM alembic_version")
        assert found == (revision if done else before)
        await migrate(filled, revision)
    await reader.close()


async def _tried(dsn: str, revision: str) -> bool:
    """Whether it came through; if not, because of its own limit on waiting."""
    try:
        await migrate(dsn, revision)
    except DBAPIError as error:
        if "lock timeout" not in str(error):
            raise
        return False
    return True
