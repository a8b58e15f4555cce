"""What an attempt leaves is kept under its lease; what is not is told, and the attempt ends as it did."""

from collections.abc import AsyncIterable, AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from core.artifacts.model import Lost, Reason, key
from core.db import Database, Raw
from core.errors import StorageAway, StorageFull
from core.jobs import store as jobs
from core.jobs.model import Lease, Outcome
from core.storage.address import Folder
from core.storage.model import Stored, TooLarge
from core.storage.service import Storage
from scheduler.keeping import Keeper
from tests.jobs import Tenant, settlement
from tests.printing import started

LARGEST, QUOTA = 1000, 5000
SECONDS = 30.0


class Files(Storage):
    """A folder that can fail; `before` is done before each file."""

    def __init__(self, folder: Path) -> None:
        super().__init__(Folder(folder))
        self.failure: Exception | None = None
        self.before: Any = None
        self.puts = 0

    async def put(self, key: str, body: AsyncIterable[bytes], *, limit: int) -> Stored | TooLarge:
        self.puts += 1
        if self.failure is not None:
            raise self.failure
        if self.before is not None:
            await self.before()
        return await super().put(key, body, limit=limit)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "files")


@pytest.fixture
def keeper(database: Database, files: Files) -> Keeper:
    return Keeper(database, files, largest=LARGEST, quota=QUOTA)


@pytest.fixture
async def db(database: Database) -> AsyncIterator[Raw]:
    async with database.raw() as opened:
        yield opened


@pytest.fixture
async def lease(db: Raw, tenant: Tenant) -> Lease:
    return await started(db, tenant)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "attempt" / "out").mkdir(parents=True)
    return tmp_path / "attempt"


def leave(folder: Path, **contents: bytes) -> None:
    for name, content in contents.items():
        (folder / "out" / name).write_bytes(content)


async def seen(db: Raw) -> list[tuple[int, str, int]]:
    rows = await db.fetch(
        """SELECT attempt, name, size FROM artifacts
           WHERE stored_at IS NOT NULL AND deleted_at IS NULL ORDER BY name, attempt"""
    )
    return [tuple(row) for row in rows]


async def told(db: Raw) -> list[Any]:
    rows = await db.fetch("SELECT attempt, data FROM events WHERE kind = 'artifacts_lost'")
    return [(row[0], row[1]) for row in rows]


async def used(db: Raw) -> int:
    return int(await db.fetchval("SELECT coalesce(sum(bytes), 0) FROM artifact_usage"))


async def test_what_was_left_is_kept(
    keeper: Keeper, files: Files, db: Raw, lease: Lease, folder: Path
) -> None:
    leave(folder, a=b"", b=b"hello")
    assert not await keeper.keep(lease, folder, seconds=SECONDS)
    assert await seen(db) == [(1, "a", 0), (1, "b", 5)]
    assert (await told(db), await used(db)) == ([], 5)
    id = await db.fetchval("SELECT id FROM artifacts WHERE name = 'b'")
    assert await files.size(key(lease.tenant_id, lease.job_id, id)) == 5


async def test_nothing_left_asks_nobody(keeper: Keeper, files: Files, lease: Lease, folder: Path) -> None:
    leave(folder, **{"result.json": b"{}"})
    assert not await keeper.keep(lease, folder, seconds=-1.0)
    assert files.puts == 0


async def test_what_is_not_kept_is_told(keeper: Keeper, db: Raw, lease: Lease, folder: Path) -> None:
    leave(folder, big=b"x" * (LARGEST + 1), good=b"x")
    (folder / "out" / "link").symlink_to("/etc/passwd")
    leave(folder, **{"..\\..\\etc": b"x"})
    lost = await keeper.keep(lease, folder, seconds=SECONDS)
    assert {(one.name, one.reason.value) for one in lost} == {
        ("big", "too_large"), ("link", "not_a_file"), ("..\\..\\etc", "unsafe_name"),
    }  # fmt: skip
    assert await seen(db) == [(1, "good", 1)]
    [(attempt, data)] = await told(db)
    assert (attempt, data["count"]) == (1, 3)
    assert {"name": "big", "reason": "too_large"} in data["files"]


async def test_a_tenant_has_so_much_room(keeper: Keeper, db: Raw, lease: Lease, folder: Path) -> None:
    await db.execute("INSERT INTO artifact_usage VALUES ($1, $2)", lease.tenant_id, QUOTA - 10)
    leave(folder, a=b"x" * 8, b=b"x" * 8, c=b"xx")
    assert await keeper.keep(lease, folder, seconds=SECONDS) == [Lost("b", Reason.OVER_QUOTA)]
    assert [name for _, name, _ in await seen(db)] == ["a", "c"]
    assert await used(db) == QUOTA


@pytest.mark.promise(5)
async def test_an_attempt_that_lost_its_lease_keeps_nothing(
    keeper: Keeper, files: Files, db: Raw, lease: Lease, folder: Path
) -> None:
    await jobs.settle(db, [settlement(lease)])
    leave(folder, a=b"x")
    assert not await keeper.keep(lease, folder, seconds=SECONDS)
    assert (files.puts, await seen(db), await used(db)) == (0, [], 0)


@pytest.mark.promise(5)
async def test_an_attempt_that_loses_its_lease_meanwhile_has_nothing_seen(
    keeper: Keeper, files: Files, db: Raw, lease: Lease, folder: Path
) -> None:
    async def lose() -> None:
        await jobs.settle(db, [settlement(lease)])

    files.before = lose
    leave(folder, a=b"x", b=b"../")
    assert not await keeper.keep(lease, folder, seconds=SECONDS)
    assert (await seen(db), await told(db)) == ([], [])
    # What was stored is found by the reaper.
    assert await db.fetchval("SELECT count(*) FROM artifacts WHERE expires_at IS NOT NULL") == 2


@pytest.mark.parametrize("failure", [StorageAway(), StorageFull()])
async def test_a_storage_that_takes_nothing_costs_the_files_alone_and_is_asked_once(
    keeper: Keeper, files: Files, db: Raw, lease: Lease, folder: Path, failure: Exception
) -> None:
    files.failure = failure
    leave(folder, a=b"x", b=b"y")
    lost = await keeper.keep(lease, folder, seconds=SECONDS)
    assert lost == [Lost("a", Reason.NOT_STORED), Lost("b", Reason.NOT_STORED)]
    assert files.puts == 1
    [(_, data)] = await told(db)
    assert data["count"] == 2
    assert await db.fetchval("SELECT count(*) FROM artifacts WHERE deleted_at IS NULL") == 0


async def test_there_is_no_time_without_end(keeper: Keeper, db: Raw, lease: Lease, folder: Path) -> None:
    leave(folder, a=b"x")
    assert await keeper.keep(lease, folder, seconds=2.0) == [Lost("a", Reason.OUT_OF_TIME)]
    assert await seen(db) == []


async def test_a_file_of_each_attempt_by_the_same_name(
    keeper: Keeper, db: Raw, tenant: Tenant, lease: Lease, folder: Path
) -> None:
    leave(folder, a=b"x")
    await keeper.keep(lease, folder, seconds=SECONDS)
    await jobs.settle(db, [settlement(lease, Outcome.FAILED, retry_seconds=0.0)])
    await db.execute("UPDATE timers SET due_at = now()")
    await jobs.plan(db, limit=10, since=None)
    [second] = await jobs.claim(db, [(tenant.queue_id, 1, None)], replica=lease.lease_token)
    await keeper.keep(second, folder, seconds=SECONDS)
    assert await seen(db) == [(1, "a", 1), (2, "a", 1)]
