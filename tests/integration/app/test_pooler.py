"""Whether the API is really where this run says: behind a transaction pooler, or on PostgreSQL itself."""

import asyncio
import os

import pytest

from core.db import Database
from tests.integration.app.test_process import environment, serving_process

__all__ = ["environment"]

POOLED = bool(os.environ.get("NOONMARK_TEST_POOLER"))


async def session(database: Database) -> tuple[int, int]:
    """The process that served one statement, and how many statements lie prepared there."""
    async with database.raw() as db:
        await db.fetchval("SELECT pg_sleep(0.1)")
        row = await db.fetchrow("SELECT pg_backend_pid(), (SELECT count(*) FROM pg_prepared_statements)")
    return row[0], row[1]


async def test_the_server_greets_a_client_itself_or_a_pooler_does(database: Database) -> None:
    """A pooler makes up the process that it names in its greeting."""
    async with database.raw() as db:
        greeted: int = db.get_server_pid()
    found, _ = await session(database)
    assert (greeted != found) is POOLED


async def test_sessions_are_shared_and_left_as_they_were_behind_a_pooler(database: Database) -> None:
    """Eight connections at once: the pooler has half as many sessions for them."""
    seen = await asyncio.gather(*(session(database) for _ in range(8)))
    sessions, prepared = {pid for pid, _ in seen}, sum(count for _, count in seen)
    assert (1 < len(sessions) <= 4, len(sessions) == 8) == (POOLED, not POOLED)
    assert (prepared == 0) is POOLED


@pytest.mark.parametrize("arguments", [(), ("--migrate",)])
async def test_a_process_has_sessions_of_its_own_name_unless_they_are_a_poolers(
    environment: dict[str, str], arguments: tuple[str, ...], direct: Database
) -> None:
    async with serving_process(environment, *arguments), direct.raw() as db:
        names = await db.fetchval(
            """SELECT array_agg(DISTINCT application_name) FROM pg_stat_activity
               WHERE datname = current_database()"""
        )
    assert ("noonmark-app" not in names) is POOLED
