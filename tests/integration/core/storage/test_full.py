"""A disk that is full is told as such, and nothing half is left on it. Mounts a small one of its own."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.heavy

_FILL = """
import asyncio, os, sys
from pathlib import Path
from core.errors import StorageFull
from core.storage.address import Folder
from core.storage.service import Storage

async def pieces(count):
    for _ in range(count):
        yield bytes(65536)

async def main():
    storage = Storage(Folder(Path(sys.argv[1]) / "files"))
    await storage.put("a/b/first", pieces(16), limit=2**30)
    try:
        await storage.put("a/b/second", pieces(640), limit=2**30)
    except StorageFull:
        pass
    else:
        raise AssertionError("there was room")
    assert await storage.size("a/b/second") is None
    found = [name for _, _, names in os.walk(sys.argv[1]) for name in names]
    assert found == ["first"], found
    await storage.put("a/b/third", pieces(16), limit=2**30)

asyncio.run(main())
"""


async def test_a_full_disk_is_told_and_nothing_half_is_left(tmp_path: Path) -> None:
    mounted = f"mount -t tmpfs -o size=8m tmpfs {tmp_path} && exec {sys.executable} -c '{_FILL}' {tmp_path}"
    process = await asyncio.create_subprocess_exec(
        "unshare", "--user", "--map-root-user", "--mount", "/bin/sh", "-c", mounted,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.getcwd()}, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
