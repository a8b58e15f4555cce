"""A folder keeps files whole or not at all."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.errors import StorageAway
from core.storage.address import Folder
from core.storage.model import Stored, TooLarge
from core.storage.pieces import FilePieces
from core.storage.service import Storage

MIB = 1024 * 1024
KEY = "tenant/job/file"


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(Folder(tmp_path / "files"))


async def pieces(count: int, *, fail: Exception | None = None) -> AsyncIterator[bytes]:
    for number in range(count):
        yield bytes([number % 256]) * 65536
    if fail is not None:
        raise fail


async def read(storage: Storage, **wanted: int) -> bytes:
    found = await storage.get(KEY, **wanted)
    assert found is not None
    return b"".join([piece async for piece in found])


def left(tmp_path: Path) -> list[str]:
    return [name for _, _, names in os.walk(tmp_path) for name in names]


async def test_what_comes_back_is_what_went_in(storage: Storage) -> None:
    whole = b"".join([piece async for piece in pieces(200)])
    stored = await storage.put(KEY, pieces(200), limit=20 * MIB)
    assert stored == Stored(len(whole), hashlib.sha256(whole).digest())
    assert await read(storage) == whole
    assert await storage.size(KEY) == len(whole)


async def test_a_range_is_those_bytes(storage: Storage) -> None:
    await storage.put(KEY, pieces(3), limit=MIB)
    assert await read(storage, first=65535, count=2) == b"\0\1"
    assert await read(storage, first=3 * 65536 - 2) == b"\2\2"
    assert await read(storage, first=0, count=0) == b""


async def test_an_empty_file_is_a_file(storage: Storage) -> None:
    assert await storage.put(KEY, pieces(0), limit=0) == Stored(0, hashlib.sha256().digest())
    assert await storage.size(KEY) == 0
    assert await read(storage) == b""


async def test_what_is_not_there_is_none(storage: Storage) -> None:
    assert await storage.get(KEY) is None
    assert await storage.get(KEY, first=0, count=0) is None
    assert await storage.size(KEY) is None


async def test_what_was_deleted_is_gone_and_may_be_deleted_again(storage: Storage, tmp_path: Path) -> None:
    await storage.put(KEY, pieces(1), limit=MIB)
    await storage.delete(KEY)
    await storage.delete(KEY)
    assert await storage.size(KEY) is None
    assert os.listdir(tmp_path / "files") == []


async def test_a_second_put_takes_the_place_of_the_first(storage: Storage) -> None:
    await storage.put(KEY, pieces(3), limit=MIB)
    await storage.put(KEY, pieces(1), limit=MIB)
    assert await read(storage) == bytes(65536)


async def test_what_is_too_large_is_not_kept(storage: Storage, tmp_path: Path) -> None:
    assert await storage.put(KEY, pieces(200), limit=200 * 65536 - 1) == TooLarge(200 * 65536 - 1)
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    "error", [ValueError("cut off"), OSError(5, "cut off"), FileNotFoundError("cut off")]
)
async def test_a_body_that_fails_leaves_nothing_and_raises_what_it_raised(
    storage: Storage, tmp_path: Path, error: Exception
) -> None:
    with pytest.raises(type(error), match="cut off"):
        await storage.put(KEY, pieces(200, fail=error), limit=20 * MIB)
    assert left(tmp_path) == []


async def test_nothing_is_seen_of_a_file_under_way_and_nothing_is_left_when_it_is_cancelled(
    storage: Storage, tmp_path: Path
) -> None:
    under_way, never = asyncio.Event(), asyncio.Event()

    async def stuck() -> AsyncIterator[bytes]:
        async for piece in pieces(200):
            yield piece
        under_way.set()
        await never.wait()

    putting = asyncio.create_task(storage.put(KEY, stuck(), limit=20 * MIB))
    await under_way.wait()
    assert await storage.size(KEY) is None
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    async with asyncio.timeout(5):
        while left(tmp_path):
            await asyncio.to_thread(os.sync)
    assert await storage.size(KEY) is None


async def test_what_killed_writers_left_is_swept_and_nothing_else(storage: Storage, tmp_path: Path) -> None:
    await storage.put(KEY, pieces(1), limit=MIB)
    remnant = tmp_path / "files" / "tenant" / "job" / "other#1"
    remnant.write_bytes(b"half")
    assert await storage.sweep(older_seconds=3600) == 0
    os.utime(remnant, (0, 0))
    assert await storage.sweep(older_seconds=3600) == 1
    assert left(tmp_path) == ["file"]


async def test_nobody_else_may_look(storage: Storage, tmp_path: Path) -> None:
    await storage.check()
    assert (tmp_path / "files").stat().st_mode & 0o777 == 0o700


async def test_a_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "files").write_text("in the way")
    with pytest.raises(StorageAway) as caught:
        await Storage(Folder(tmp_path / "files")).check()
    assert caught.value.refused


@pytest.mark.parametrize("key", ["../other", "a/../b", "/etc/passwd", "a//b", "a#1", "A", ""])
async def test_a_key_of_other_characters_than_ours_is_a_bug(storage: Storage, key: str) -> None:
    with pytest.raises(ValueError, match="no key"):
        await storage.delete(key)


async def test_a_file_is_read_in_pieces(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "given").write_bytes(b"x" * MIB)
    with (tmp_path / "given").open("rb") as file:
        stored = await storage.put(KEY, FilePieces(file), limit=MIB)
    assert stored == Stored(MIB, hashlib.sha256(b"x" * MIB).digest())
