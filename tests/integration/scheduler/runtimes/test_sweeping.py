"""What a scheduler leaves behind that was killed, and who clears it away."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from scheduler.runtimes import folder, remains
from scheduler.runtimes.folder import Name
from tests.integration.scheduler.runtimes.attempts import PYTHON, Attempts, alive, asleep, below, nap
from tests.waiting import wait_until

_HOST = "tests.integration.scheduler.runtimes.host"


@asynccontextmanager
async def _host(root: Path, *command: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, UUID]]:
    started = await asyncio.create_subprocess_exec(
        PYTHON, "-m", _HOST, str(root), *command, stdout=asyncio.subprocess.PIPE
    )
    assert started.stdout is not None
    try:
        yield started, UUID((await started.stdout.readline()).decode().strip())
    finally:
        if started.returncode is None:
            started.kill()
        # What it still says is read, so that no transport is left open.
        await started.communicate()


def _daemon(seconds: str) -> str:
    return (
        f"trap '' TERM HUP; env -i setsid sh -c 'cd /; sleep {seconds} & sleep {seconds}' & sleep {seconds}"
    )


async def test_a_killed_scheduler_takes_all_its_processes_with_it(attempts: Attempts) -> None:
    seconds = nap()
    async with _host(attempts.root, "sh", "-c", _daemon(seconds)) as (host, _):
        await wait_until(lambda: len(asleep(seconds)) == 3, within=10, what="all of it runs")
        (launcher,) = below(host.pid)
        host.kill()
        await host.wait()
        await wait_until(lambda: not alive(seconds), within=5, what="all of it is gone")
        await wait_until(
            lambda: not Path(f"/proc/{launcher}").exists(), within=5, what="the launcher is gone"
        )


async def test_what_a_killed_scheduler_left_is_removed(attempts: Attempts) -> None:
    async with _host(attempts.root, "sleep", nap()) as (host, _):
        host.kill()
        await host.wait()
        assert len(os.listdir(attempts.root)) == 1
        assert await attempts.runtime.sweep([]) == 1
        assert os.listdir(attempts.root) == []
        assert await attempts.runtime.sweep([]) == 0


async def test_what_a_living_scheduler_runs_is_not_swept(attempts: Attempts) -> None:
    seconds = nap()
    async with _host(attempts.root, "sleep", seconds):
        assert await attempts.runtime.sweep([]) == 0
        assert len(asleep(seconds)) == 1


async def test_what_a_lease_is_held_for_is_not_swept(attempts: Attempts) -> None:
    async with _host(attempts.root, "sleep", nap()) as (host, token):
        host.kill()
        await host.wait()
        assert await attempts.runtime.sweep([token]) == 0
        assert await attempts.runtime.sweep([uuid4()]) == 1


async def test_what_outlived_its_watchers_is_ended_by_its_marks(attempts: Attempts) -> None:
    seconds = nap()
    stray = f"setsid env -i sleep {seconds} & cd /; setsid sleep {seconds} & setsid sleep {seconds} & wait"
    async with _host(attempts.root, "sh", "-c", stray) as (host, _):
        await wait_until(lambda: len(asleep(seconds)) == 3, within=10, what="all of it runs")
        (launcher,) = below(host.pid)
        (supervisor,) = below(launcher)
        # Before they can hear that their scheduler is gone.
        for watcher in (launcher, supervisor):
            os.kill(watcher, signal.SIGSTOP)
        host.kill()
        await host.wait()
        for watcher in (launcher, supervisor):
            os.kill(watcher, signal.SIGKILL)
        assert len(asleep(seconds)) == 3
        assert await attempts.runtime.sweep([]) == 1
        assert not asleep(seconds)


async def test_who_only_looks_around_at_a_terminal_is_no_remains(tmp_path: Path) -> None:
    made = folder.make(tmp_path / "attempts", Name(uuid4(), 1, uuid4()), b"null")
    controller, terminal = os.openpty()
    visitor = await asyncio.create_subprocess_exec(
        "setsid", "--ctty", "sleep", "600", stdin=terminal, cwd=made.path
    )
    await wait_until(lambda: _has_terminal(visitor.pid), within=10, what="the visitor is there")
    assert await asyncio.to_thread(remains.end, made.path.name)
    assert visitor.returncode is None
    visitor.kill()
    await visitor.wait()
    os.close(controller)
    os.close(terminal)
    made.remove()


def _has_terminal(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[4] != "0"


@pytest.mark.parametrize("name", ["notes", "", "x" * 80])
def test_a_name_nobody_carries_ends_nothing(name: str) -> None:
    assert remains.end(f"{name}-{uuid4()}")
