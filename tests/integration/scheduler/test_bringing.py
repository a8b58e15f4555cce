"""The file that came with a job, from a storage in a folder of its own to the folder of an attempt."""

import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest
from msgspec.structs import replace

from core.artifacts.model import key
from core.errors import StorageAway
from core.jobs.targets import Input
from core.storage.address import Folder
from core.storage.service import Storage
from scheduler.bringing import bring
from scheduler.runtimes.runtime import Ending

TENANT = UUID(int=1)
CONTENT = os.urandom(700_000)
SENT = Input(
    job=UUID(int=2),
    artifact=UUID(int=3),
    name="../../clip.mp4",
    size=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
)


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    yield content


@pytest.fixture
async def storage(tmp_path: Path) -> Storage:
    made = Storage(Folder(tmp_path / "storage"))
    await made.put(key(TENANT, SENT.job, SENT.artifact), pieces(CONTENT), limit=len(CONTENT))
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "attempt"
    made.mkdir()
    return made


async def test_it_arrives_under_one_name_whatever_its_owner_calls_it(storage: Storage, folder: Path) -> None:
    assert await bring(storage, SENT, TENANT, folder) is None
    assert [os.listdir(folder), os.listdir(folder / "in")] == [["in"], ["input"]]
    assert (folder / "in" / "input").read_bytes() == CONTENT


async def test_a_file_that_is_gone_fails_for_good(storage: Storage, folder: Path) -> None:
    await storage.delete(key(TENANT, SENT.job, SENT.artifact))
    missing = await bring(storage, SENT, TENANT, folder)
    assert missing is not None
    assert (missing.how, "not kept any more" in missing.message) == (Ending.NOT_STARTED, True)


async def test_a_file_of_another_tenant_is_not_found(storage: Storage, folder: Path) -> None:
    missing = await bring(storage, SENT, UUID(int=9), folder)
    assert missing is not None and missing.how is Ending.NOT_STARTED


@pytest.mark.parametrize(
    "told", [replace(SENT, size=10), replace(SENT, size=len(CONTENT) + 1), replace(SENT, sha256="00" * 32)]
)
async def test_a_file_that_is_not_as_it_was_sent_starts_nothing(
    storage: Storage, folder: Path, told: Input
) -> None:
    missing = await bring(storage, told, TENANT, folder)
    assert missing is not None
    assert (missing.how, "not as it was sent" in missing.message) == (Ending.NOT_STARTED, True)
    assert (folder / "in" / "input").stat().st_size <= told.size


async def test_a_storage_that_is_away_is_asked_again_by_the_next_attempt(folder: Path) -> None:
    class Away(Storage):
        async def get(self, *_: object, **__: object) -> None:
            raise StorageAway

    missing = await bring(Away(Folder(folder)), SENT, TENANT, folder)
    assert missing is not None and missing.how is Ending.NODE_LOST
