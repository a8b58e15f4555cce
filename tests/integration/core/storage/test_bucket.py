"""A bucket of a real S3 server keeps files whole or not at all, and nobody holds one in memory."""

import asyncio
import hashlib
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from core.errors import SettingError, StorageAway
from core.settings import Settings
from core.storage.address import parse
from core.storage.model import Stored, TooLarge
from core.storage.service import Storage, open_storage, require
from tests import s3

pytestmark = pytest.mark.heavy

MIB = 1024 * 1024
KEY = "tenant/job/file"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.Server]:
    with s3.running(tmp_path_factory.mktemp("s3")) as started:
        yield started


@pytest.fixture
def storage(server: s3.Server, monkeypatch: pytest.MonkeyPatch) -> Storage:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return Storage(parse(server.url))


async def pieces(count: int) -> AsyncIterator[bytes]:
    for number in range(count):
        yield bytes([number % 256]) * 65536


async def read(storage: Storage, **wanted: int) -> bytes:
    found = await storage.get(KEY, **wanted)
    assert found is not None
    return b"".join([piece async for piece in found])


async def test_what_comes_back_is_what_went_in(storage: Storage) -> None:
    whole = b"".join([piece async for piece in pieces(200)])
    assert await storage.put(KEY, pieces(200), limit=20 * MIB) == Stored(
        len(whole), hashlib.sha256(whole).digest()
    )
    assert await read(storage) == whole
    assert await read(storage, first=65535, count=2) == b"\0\1"
    assert await read(storage, first=len(whole) - 1) == whole[-1:]
    assert await storage.size(KEY) == len(whole)


async def test_an_empty_file_is_a_file(storage: Storage) -> None:
    assert await storage.put(KEY, pieces(0), limit=0) == Stored(0, hashlib.sha256().digest())
    assert await read(storage) == await read(storage, first=0, count=0) == b""


async def test_what_was_deleted_is_gone_and_may_be_deleted_again(storage: Storage) -> None:
    await storage.put(KEY, pieces(1), limit=MIB)
    await storage.delete(KEY)
    await storage.delete(KEY)
    assert await storage.size(KEY) is None
    assert await storage.get(KEY) is None
    assert await storage.get(KEY, first=0, count=0) is None


async def test_what_is_too_large_or_breaks_off_is_not_kept(storage: Storage) -> None:
    async def broken() -> AsyncIterator[bytes]:
        async for piece in pieces(200):
            yield piece
        raise KeyError("cut off")

    await storage.delete(KEY)
    assert await storage.put(KEY, pieces(200), limit=12 * MIB) == TooLarge(12 * MIB)
    with pytest.raises(KeyError, match="cut off"):
        await storage.put(KEY, broken(), limit=20 * MIB)
    assert await storage.size(KEY) is None


async def test_what_is_cancelled_is_not_kept(storage: Storage) -> None:
    under_way, never = asyncio.Event(), asyncio.Event()

    async def stuck() -> AsyncIterator[bytes]:
        async for piece in pieces(200):
            yield piece
        under_way.set()
        await never.wait()

    await storage.delete(KEY)
    putting = asyncio.create_task(storage.put(KEY, stuck(), limit=20 * MIB))
    await under_way.wait()
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert await storage.size(KEY) is None


_TRANSFER = """
import asyncio, resource, sys
from core.storage.address import parse
from core.storage.service import Storage

async def pieces():
    for _ in range(int(sys.argv[2])):
        yield bytes(1024 * 1024)

async def main():
    storage = Storage(parse(sys.argv[1]))
    await storage.put("small", pieces_of(1), limit=2**30)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await storage.put("large", pieces(), limit=2**30)
    async for piece in await storage.get("large"):
        pass
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)

async def pieces_of(count):
    for _ in range(count):
        yield bytes(1024)

asyncio.run(main())
"""


async def test_a_large_file_passes_through_a_little_memory(storage: Storage, server: s3.Server) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _TRANSFER, server.url, "200",
        env={"PYTHONPATH": str(Path.cwd()), **server.environment}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    grown_kib, _ = await process.communicate()
    assert process.returncode == 0
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(grown_kib) * unit < 64 * MIB


async def test_a_wrong_credential_is_refused(
    storage: Storage, server: s3.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-wrong-secret")
    settings = Settings(database_url="postgresql://", storage_url=server.url)
    with pytest.raises(StorageAway) as caught:
        await open_storage(settings).check()
    assert caught.value.refused
    with pytest.raises(SettingError, match="NOONMARK_STORAGE_URL: what it names takes no files") as told:
        await require(open_storage(settings), settings)
    assert "a-wrong-secret" not in str(told.value)


async def test_a_service_that_is_away_is_told_and_may_come_later(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(
        database_url="postgresql://", storage_url="s3://files?endpoint=http://127.0.0.1:9&region=eu-central-1"
    )
    away = open_storage(settings)
    with pytest.raises(StorageAway) as caught:
        await away.size(KEY)
    assert not caught.value.refused
    await require(away, settings)
