"""Files that are not wanted any more leave the storage, and nobody forgets them before."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from core import ids
from core.artifacts.model import key
from core.db import Database, Raw
from core.errors import StorageAway
from core.storage.address import Folder
from core.storage.service import Storage
from reaper.artifacts import ArtifactSweep
from reaper.erasure import Erasure
from reaper.retention import ended_jobs
from tests.integration.reaper.old import ended
from tests.jobs import Tenant, make_job, make_tenant

SIZE = 5


class Files(Storage):
    """A storage that is away while it is told to be, or for some files."""

    def __init__(self, folder: Path) -> None:
        super().__init__(Folder(folder))
        self.away = False
        self.stuck: set[str] = set()
        self.removed: list[str] = []

    async def delete(self, key: str) -> None:
        if self.away or key in self.stuck:
            raise StorageAway
        self.removed.append(key)
        await super().delete(key)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "files")


@pytest.fixture
def sweep(database: Database, files: Files) -> ArtifactSweep:
    return ArtifactSweep(database, files)


@pytest.fixture
async def tenant(database: Database) -> Tenant:
    return await make_tenant(database)


async def body() -> AsyncIterator[bytes]:
    yield b"hello"


async def put(db: Raw, files: Files, tenant: Tenant, job: UUID, *, stored: bool = True) -> UUID:
    """A file of a job, in both places."""
    id = ids.new()
    await db.execute(
        """INSERT INTO artifacts (id, tenant_id, job_id, name, size, content_type, stored_at, expires_at)
           VALUES ($1, $2, $3, gen_random_uuid()::text, $4, 'a/b', CASE WHEN $5 THEN now() END,
                   CASE WHEN NOT $5 THEN now() + interval '1 hour' END)""",
        id, tenant.id, job, SIZE, stored,
    )  # fmt: skip
    await db.execute(
        """INSERT INTO artifact_usage AS u VALUES ($1, $2)
           ON CONFLICT (tenant_id) DO UPDATE SET bytes = u.bytes + $2""",
        tenant.id, SIZE,
    )  # fmt: skip
    await files.put(key(tenant.id, job, id), body(), limit=SIZE)
    return id


async def there(files: Files, tenant: Tenant, job: UUID, id: UUID) -> bool:
    return await files.size(key(tenant.id, job, id)) is not None


async def used(db: Raw) -> int:
    return int(await db.fetchval("SELECT coalesce(sum(bytes), 0) FROM artifact_usage"))


async def known(db: Raw) -> int:
    return int(await db.fetchval("SELECT count(*) FROM artifacts"))


async def hour_passes(db: Raw) -> None:
    await db.execute("UPDATE artifacts SET emptied_at = emptied_at - interval '61 minutes'")


async def test_a_deleted_file_leaves_the_storage_and_is_forgotten_an_hour_later(
    db: Raw, files: Files, sweep: ArtifactSweep, tenant: Tenant
) -> None:
    job = await make_job(db, tenant)
    gone, stays = await put(db, files, tenant, job), await put(db, files, tenant, job)
    await db.execute("UPDATE artifacts SET deleted_at = now() WHERE id = $1", gone)
    await sweep.once()
    assert not await there(files, tenant, job, gone)
    assert await there(files, tenant, job, stays)
    assert (await known(db), await used(db)) == (2, SIZE)
    await sweep.once()
    assert len(files.removed) == 1
    await hour_passes(db)
    await sweep.once()
    assert (await known(db), await used(db), len(files.removed)) == (1, SIZE, 2)


async def test_who_was_still_writing_leaves_nothing_for_good(
    db: Raw, files: Files, sweep: ArtifactSweep, tenant: Tenant
) -> None:
    job = await make_job(db, tenant)
    id = await put(db, files, tenant, job)
    await db.execute("UPDATE artifacts SET deleted_at = now()")
    await sweep.once()
    await files.put(key(tenant.id, job, id), body(), limit=SIZE)
    await hour_passes(db)
    await sweep.once()
    assert not await there(files, tenant, job, id)
    assert await known(db) == 0


async def test_what_was_not_confirmed_in_time_goes_and_nothing_else(
    db: Raw, files: Files, sweep: ArtifactSweep, tenant: Tenant
) -> None:
    job = await make_job(db, tenant)
    late = await put(db, files, tenant, job, stored=False)
    busy = await put(db, files, tenant, job, stored=False)
    await db.execute("UPDATE artifacts SET expires_at = now() - interval '1 second'")
    await db.execute("UPDATE artifacts SET put_until = now() + interval '1 minute' WHERE id = $1", busy)
    kept = [await put(db, files, tenant, job, stored=stored) for stored in (True, False)]
    await sweep.once()
    assert not await there(files, tenant, job, late)
    assert [await there(files, tenant, job, id) for id in (busy, *kept)] == [True, True, True]


async def test_a_storage_that_is_away_is_asked_again(
    db: Raw, files: Files, sweep: ArtifactSweep, tenant: Tenant
) -> None:
    job = await make_job(db, tenant)
    id = await put(db, files, tenant, job)
    await db.execute("UPDATE artifacts SET deleted_at = now()")
    files.away = True
    assert await sweep.once() == 0
    assert (await known(db), await used(db)) == (1, SIZE)
    files.away = False
    await sweep.once()
    assert (await there(files, tenant, job, id), await used(db)) == (False, 0)


async def test_one_that_cannot_be_removed_does_not_stand_in_the_way(
    db: Raw, files: Files, database: Database, tenant: Tenant
) -> None:
    sweep, job = ArtifactSweep(database, files, batch=1), await make_job(db, tenant)
    ids = [await put(db, files, tenant, job) for _ in range(3)]
    await db.execute("UPDATE artifacts SET deleted_at = now()")
    files.stuck = {key(tenant.id, job, ids[0])}
    for _ in range(4):
        await sweep.once()
    assert [await there(files, tenant, job, id) for id in ids] == [True, False, False]
    assert await used(db) == SIZE


async def test_the_files_of_a_job_go_with_it(
    database: Database, db: Raw, files: Files, sweep: ArtifactSweep, tenant: Tenant
) -> None:
    old, young = [await ended(db, tenant, finished=days) for days in (31, 29)]
    gone, stays = await put(db, files, tenant, old), await put(db, files, tenant, young)
    await ended_jobs(database).once()
    await sweep.once()
    assert not await there(files, tenant, old, gone)
    assert await there(files, tenant, young, stays)


async def test_an_erased_tenant_goes_after_its_files(
    database: Database, db: Raw, files: Files, sweep: ArtifactSweep, tenant: Tenant
) -> None:
    job = await make_job(db, tenant)
    id = await put(db, files, tenant, job)
    await db.execute("UPDATE tenants SET erased_at = now() - interval '1 hour'")
    files.away = True
    erasure = Erasure(database)
    for _ in range(5):
        await erasure.once()
        await sweep.once()
    assert await db.fetchval("SELECT count(*) FROM tenants") == 1
    files.away = False
    for _ in range(5):
        await sweep.once()
        await erasure.once()
    assert await db.fetchval("SELECT count(*) FROM tenants") == 0
    assert not await there(files, tenant, job, id)
    await hour_passes(db)
    await sweep.once()
    assert (await known(db), await used(db)) == (0, 0)


async def test_two_sweeps_at_once_count_a_file_once(
    database: Database, db: Raw, files: Files, tenant: Tenant
) -> None:
    job = await make_job(db, tenant)
    for _ in range(4):
        await put(db, files, tenant, job)
    await db.execute(
        "UPDATE artifacts SET deleted_at = now() WHERE id <> (SELECT max(id::text)::uuid FROM artifacts)"
    )
    first, second = ArtifactSweep(database, files), ArtifactSweep(database, files)
    await first.once()
    await second.once()
    assert await used(db) == SIZE
