"""A disk that one attempt has filled: the scheduler goes on, and so does every other job."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.fleet import CALM, Fleet
from tests.e2e.test_code import command, ended, printed, shell, submit, tried
from tests.e2e.work import Work
from tests.waiting import wait_until

pytestmark = pytest.mark.heavy

FILL = 'cd "$NOONMARK_OUTPUT_DIR"; cat /dev/zero > zeros; echo full; sleep 600'


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", str(place)], check=True)


async def test_who_fills_the_disk_harms_nobody(fleet: Fleet, work: Work, small: Path) -> None:
    """What begins on a full disk is tried again, and runs once there is room."""
    settings = {**CALM, "NOONMARK_RUNTIMES": "process", "NOONMARK_DATA_DIR": str(small)}
    async with fleet.scheduler(settings=settings):
        full = await submit(work, shell(FILL, grace_seconds=0.2), retry={"max_attempts": 1})
        await wait_until(lambda: _says(work, full, "full"), within=15, what="a full disk")
        patient = {"max_attempts": 21, "base_seconds": 0.5, "max_seconds": 0.5}
        other = await submit(work, command("/bin/true", params={"much": "x" * 8192}), retry=patient)
        await work.submit(3)
        assert [one.state for one in await work.ended()] == ["succeeded"] * 3
        await wait_until(lambda: _tried(work, other), within=15, what="an attempt on the full disk")
        assert (await tried(work, other))[0]["error"]["code"] == "node_lost"
        await work.api.post(f"/v1/jobs/{full}/cancel")
        assert (await ended(work, full))["state"] == "cancelled"
        assert (await ended(work, other))["state"] == "succeeded"
    assert list((small / "attempts").glob("*/*")) == []


async def _says(work: Work, job: str, text: str) -> bool:
    return ("stdout", text) in await printed(work, job)


async def _tried(work: Work, job: str) -> bool:
    return bool(await tried(work, job))
