"""A replica tells everybody of its functions: once, and writes only what has changed."""

import asyncio
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest

from core.db import Database
from core.definitions import store as definitions
from core.definitions.model import Function
from scheduler.publishing import Publisher
from scheduler.runtimes.function import FunctionRuntime


@pytest.fixture
async def runtime() -> AsyncIterator[FunctionRuntime]:
    opened = FunctionRuntime(modules=("scheduler.functions.basic", "examples.functions"))
    yield opened
    await opened.close()


async def rows(database: Database) -> dict[str, Any]:
    async with database.raw() as db:
        found = await db.fetch(
            """SELECT f.key, f.version, f.max_attempts, f.timeout_seconds, l.max_concurrency, f.xmin::text
               FROM functions f LEFT JOIN limits l ON l.id = f.id"""
        )
    return {row[0]: tuple(row[1:]) for row in found}


async def test_functions_are_published_with_their_limits(
    database: Database, runtime: FunctionRuntime
) -> None:
    assert await Publisher(database, runtime).once() == 0
    found = {key: row[:4] for key, row in (await rows(database)).items()}
    assert found == {
        "echo": (1, 3, 30, None), "failing": (1, 3, 30, None), "invoices.total": (1, 4, 10, None),
        "feeds.import": (1, 3, 600, 2),
    }  # fmt: skip


async def test_a_replica_publishes_once_and_the_next_one_writes_nothing(
    database: Database, runtime: FunctionRuntime
) -> None:
    first = Publisher(database, runtime)
    await first.once()
    before = await rows(database)
    async with database.raw() as db:
        await db.execute("DELETE FROM functions WHERE key = 'echo'")
    await first.once()
    assert "echo" not in await rows(database)
    await Publisher(database, runtime).once()
    after = await rows(database)
    assert {key: row for key, row in after.items() if key != "echo"} == {
        key: row for key, row in before.items() if key != "echo"
    }


async def test_any_number_publish_at_once_without_waiting_in_circles(database: Database) -> None:
    """Each locks rows of functions and of limits; some give limits that the others take away."""
    names = [f"work.number{number}" for number in range(40)]

    async def publish(seed: int) -> None:
        order, pick = names.copy(), Random(seed)
        for _ in range(15):
            pick.shuffle(order)
            catalogue = [function(name, concurrency=pick.choice([None, 1, 2])) for name in order]
            async with database.raw() as db:
                await definitions.publish(db, catalogue)

    await asyncio.gather(*(publish(seed) for seed in range(4)))
    assert len(await rows(database)) == len(names)


def function(name: str, *, concurrency: int | None) -> Function:
    return Function(
        key=name, version=1, description="", timeout_seconds=30, max_attempts=3, concurrency=concurrency,
        params_schema=None,
    )  # fmt: skip


async def test_a_replica_without_functions_publishes_none(database: Database) -> None:
    assert await Publisher(database, None).once() == 0
    assert await rows(database) == {}
