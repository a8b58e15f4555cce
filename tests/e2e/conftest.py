"""One installation for the run, another one whose database may be killed, and the jobs of each test."""

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg
import pytest

from core.db import Database
from tests.conftest import at
from tests.e2e.fleet import Fleet
from tests.e2e.work import Work
from tests.pooler import Pooler
from tests.trust import trust

__all__ = ["chance", "fleet", "tell", "trust", "work"]

Tell = Callable[[str], None]


@pytest.fixture(scope="session")
def fleet(
    server: str, template: str, pooler: Pooler | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    """A database of its own, the receiver and the API; schedulers and reapers come with the tests."""
    name = f"fleet_{uuid4().hex[:12]}"
    asyncio.run(execute(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
    with Fleet(at(server, name), tmp_path_factory.mktemp("fleet"), pooler=pooler) as started:
        yield started
    asyncio.run(execute(server, f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture
async def work(fleet: Fleet) -> AsyncIterator[Work]:
    """No jobs yet."""
    async with working(fleet) as opened:
        yield opened


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Tell:
    """A line for whoever watches the run."""

    def write(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{line}\n")

    return write


@pytest.fixture
def chance(tell: Tell) -> random.Random:
    """Repeatable with NOONMARK_SEED."""
    seed = int(os.environ.get("NOONMARK_SEED") or random.SystemRandom().randrange(2**32))
    tell(f"NOONMARK_SEED={seed}")
    return random.Random(seed)


@asynccontextmanager
async def working(fleet: Fleet) -> AsyncIterator[Work]:
    """The jobs of one test on this fleet."""
    database = Database(fleet.dsn, name="tests")
    async with fleet.client() as api:
        opened = Work(fleet, api, database)
        try:
            yield opened
        finally:
            await opened.abandon()
            await database.close()


async def execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(statement)
    await connection.close()
