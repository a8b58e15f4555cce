"""What every tier shares: one PostgreSQL for the run, and a fresh migrated database for each test.

A database is cloned from a template, never rolled back: SKIP LOCKED, fences and races need real commits.
`DATABASE_URL` makes the suite use that server instead of the embedded one. `NOONMARK_TEST_POOLER`, the path
of PgBouncer's program, makes the API reach it through that, in transaction mode; everything else goes direct.
`NOONMARK_WITHOUT` takes away capabilities from the server, and from the run the tests that are about them.
"""

import asyncio
import gc
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from core.db import Database
from local import postgres
from tests import memory
from tests.capabilities import can_run
from tests.clones import Clones, cloning
from tests.pooler import Pooler
from tests.pooler import running as pooling

_ROOT = Path(__file__).parent.parent
# Thousands of small databases come and go.
_SETTINGS = {"max_connections": "300", "shared_buffers": "256MB", "max_wal_size": "256MB"}


def pytest_configure() -> None:
    """What the tests start is to hear SIGINT. A shell starts what it puts into the background deaf to it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers() -> int:
    """Half as many again as there are cores: who waits for a process or a lease leaves its core idle."""
    return (os.cpu_count() or 1) * 3 // 2


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """No garbage is worth looking for until all is collected; what is there by then stays until the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is about a capability that was taken away."""
    left = [item for item in items if can_run(item)]
    config.hook.pytest_deselected(items=[item for item in items if not can_run(item)])
    items[:] = left


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """DSN of a server where databases may be made."""
    given = os.environ.get("DATABASE_URL")
    if given:
        yield given
        return
    with (
        memory.folder() as folder,
        postgres.running(folder, settings=_SETTINGS) as started,
    ):
        yield started.dsn


@pytest.fixture(scope="session")
def pooler(server: str) -> Iterator[Pooler | None]:
    """What stands between the API and the server, if anything does."""
    given = os.environ.get("NOONMARK_TEST_POOLER")
    if not given:
        yield None
        return
    with (
        tempfile.TemporaryDirectory(prefix="noonmark-pooler-") as folder,
        pooling(Path(given), server, Path(folder)) as started,
    ):
        yield started


@pytest.fixture(scope="session")
def template(server: str) -> Iterator[str]:
    """Name of a migrated database to clone; never connected to while tests run."""
    name = f"template_{uuid4().hex[:12]}"
    asyncio.run(_create(server, name))
    asyncio.run(migrate(at(server, name)))
    yield name
    asyncio.run(_drop(server, name))


@pytest.fixture(scope="session")
def clones(server: str, template: str) -> Iterator[Clones]:
    with cloning(server, template) as made:
        yield made


@pytest.fixture(scope="session")
def plain_template(server: str) -> Iterator[str]:
    """The same, made as on a server that has neither partitions nor advisory locks."""
    name = f"plain_{uuid4().hex[:12]}"
    asyncio.run(_create(server, name))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NOONMARK_WITHOUT", "partitions,advisory_locks")
        asyncio.run(migrate(at(server, name)))
    yield name
    asyncio.run(_drop(server, name))


@pytest.fixture
async def plain(server: str, plain_template: str) -> AsyncIterator[Database]:
    """This test's own database whose history has no partitions."""
    name = f"test_{uuid4().hex[:12]}"
    await _create(server, name, template=plain_template)
    opened = Database(at(server, name), name="tests")
    yield opened
    await opened.close()
    await _drop(server, name)


@pytest.fixture
def database_url(server: str, clones: Clones) -> Iterator[str]:
    """DSN of this test's own database."""
    name = clones.take()
    yield at(server, name)
    clones.drop(name)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """This test's own database, as the processes use it."""
    opened = Database(database_url, name="tests")
    yield opened
    await opened.close()


def at(server: str, name: str) -> str:
    """The DSN of another database on the same server."""
    return urlsplit(server)._replace(path=f"/{name}").geturl()


async def migrate(dsn: str, revision: str = "head") -> None:
    """Bring a database to a revision, as `python -m app migrate` does."""

    def run(connection: Connection) -> None:
        config = Config(str(_ROOT / "alembic.ini"))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    engine = create_async_engine(dsn.replace("postgresql://", "postgresql+asyncpg://", 1))
    try:
        async with engine.begin() as connection:
            await connection.run_sync(run)
    finally:
        await engine.dispose()


async def _create(server: str, name: str, *, template: str = "template1") -> None:
    connection = await asyncpg.connect(server)
    await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    await connection.close()


async def _drop(server: str, name: str) -> None:
    connection = await asyncpg.connect(server)
    await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    await connection.close()
