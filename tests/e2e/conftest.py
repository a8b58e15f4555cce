"""A fleet for each module, and the jobs of each test."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import asyncpg
import pytest

from core import signing
from core.db import Database
from core.sealing import parse_keys
from core.tenants.store import signing_context
from tests.conftest import at
from tests.e2e.fleet import Fleet
from tests.e2e.work import Work
from tests.jobs import Tenant, make_tenant


@pytest.fixture(scope="module")
def fleet(server: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """An installation on a database of its own, its receiver up, everything else still to be started."""
    name = f"fleet_{uuid4().hex[:12]}"
    asyncio.run(_execute(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
    with Fleet(at(server, name), tmp_path_factory.mktemp("fleet")) as started:
        yield started
    asyncio.run(_execute(server, f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture
async def work(fleet: Fleet) -> AsyncIterator[Work]:
    """A tenant of its own and no jobs yet."""
    database = Database(fleet.dsn, name="tests")
    tenant = await make_tenant(database)
    fleet.signs([await _signed(database, fleet, tenant)])
    yield Work(fleet, tenant, database)
    await database.close()


async def _signed(database: Database, fleet: Fleet, tenant: Tenant) -> str:
    secret = signing.new_secret()
    sealed = parse_keys(f"k1:{fleet.master_key}").seal(secret.encode(), context=signing_context(tenant.id))
    async with database.raw() as db:
        await db.execute(
            "INSERT INTO signing_secrets (id, tenant_id, sealed) VALUES ($1, $2, $3)",
            uuid4(), tenant.id, sealed,
        )  # fmt: skip
    return secret


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(statement)
    await connection.close()
