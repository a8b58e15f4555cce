"""One reaper drops, and one trims, at a time: by locks of their own, or where there are none by one row."""

import pytest

from core.capabilities import ALL, Capabilities
from core.db import Database, Raw
from reaper import store
from reaper.retention import Trim
from tests.integration.reaper.old import make_day, write
from tests.integration.reaper.test_history_retention import finish, owners, tenant_of_old

KINDS = [ALL, Capabilities(advisory_locks=False)]


@pytest.mark.parametrize("having", KINDS)
async def test_while_one_trims_no_other_does(database: Database, db: Raw, having: Capabilities) -> None:
    async with db.transaction():
        assert await store.trims_alone(db, having)
        async with database.raw() as other, other.transaction():
            assert not await store.trims_alone(other, having)
    async with database.raw() as other, other.transaction():
        assert await store.trims_alone(other, having)


async def test_who_finds_the_row_taken_comes_again(database: Database, db: Raw) -> None:
    tenant, _ = await tenant_of_old(database, keep=7), await tenant_of_old(database, keep=0)
    await make_day(db, 20)
    await write(db, tenant.id, ago=20)
    trim = Trim(database, Capabilities(advisory_locks=False))
    async with db.transaction():
        await db.execute("SELECT FROM alembic_version FOR UPDATE")
        await finish(trim)
        assert await owners(db) == {tenant.id: 1}
    await finish(trim)
    assert await owners(db) == {}


@pytest.mark.capability("partitions")
@pytest.mark.parametrize("having", KINDS)
async def test_while_one_drops_no_other_does(database: Database, db: Raw, having: Capabilities) -> None:
    name = f"events_p{await make_day(db, 40)}"
    async with db.transaction():
        assert await store.drop_partition(db, name, having)
        async with database.raw() as other, other.transaction():
            assert not await store.drop_partition(other, name, having)
