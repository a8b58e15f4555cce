"""What a scheduler that died has left is found by its labels, and nothing else is touched."""

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from scheduler.runtimes.docker.engine import EngineAway
from scheduler.runtimes.docker.runtime import DockerRuntime
from scheduler.runtimes.runtime import Ending, Exit
from tests.integration.scheduler.runtimes.docker.daemon import Daemon
from tests.integration.scheduler.runtimes.docker.rig import BUSYBOX, Rig

pytestmark = [pytest.mark.docker, pytest.mark.heavy]

HOST = "tests.integration.scheduler.runtimes.docker.host"


@pytest.fixture
def orphan(engine: Daemon, tmp_path: Path) -> Iterator[UUID]:
    """The lease of a container whose scheduler was killed."""
    line = [sys.executable, "-m", HOST, str(engine.socket), str(tmp_path / "dead")]
    with subprocess.Popen(line, stdout=subprocess.PIPE) as host:
        assert host.stdout is not None
        token = UUID(host.stdout.readline().decode().strip())
        host.kill()
    assert len(engine.containers()) == 1
    yield token
    for container in engine.containers():
        engine.command("rm", "--force", container)


@pytest.fixture
async def runtime(engine: Daemon, tmp_path: Path) -> AsyncIterator[DockerRuntime]:
    """That of the scheduler which sweeps."""
    rig = Rig(engine, tmp_path)
    yield rig.runtime
    await rig.runtime.close()


async def test_what_a_killed_scheduler_left_is_ended_and_removed(
    engine: Daemon, runtime: DockerRuntime, orphan: UUID
) -> None:
    assert await runtime.sweep([uuid4()]) == 1
    assert engine.containers() == []
    assert await runtime.sweep([]) == 0


async def test_what_a_live_scheduler_holds_is_left_alone(
    engine: Daemon, runtime: DockerRuntime, orphan: UUID
) -> None:
    assert await runtime.sweep([orphan]) == 0
    assert "Up" in engine.command("ps", "--format", "{{.Status}}")


async def test_what_is_younger_than_the_list_of_leases_is_left_alone(
    engine: Daemon, orphan: UUID, tmp_path: Path
) -> None:
    careful = Rig(engine, tmp_path, young_seconds=3600)
    assert await careful.runtime.sweep([]) == 0
    assert len(engine.containers()) == 1
    await careful.runtime.close()


async def test_what_another_installation_started_is_left_alone(
    engine: Daemon, orphan: UUID, tmp_path: Path
) -> None:
    other = Rig(engine, tmp_path, installation="other")
    assert await other.runtime.sweep([]) == 0
    assert len(engine.containers()) == 1
    await other.runtime.close()


async def test_what_is_not_ours_is_left_alone(rig: Rig) -> None:
    stranger = rig.daemon.command("run", "--detach", "--network=none", BUSYBOX, "sleep", "500").strip()
    assert await rig.runtime.sweep([]) == 0
    assert rig.daemon.containers() == [stranger]
    rig.daemon.command("rm", "--force", stranger)


async def test_what_is_swept_under_a_living_work_is_told_as_lost(rig: Rig) -> None:
    work = await rig.begin(rig.order("sleep", "500"))
    assert await rig.runtime.sweep([]) == 1
    assert (await work.wait()).how is Ending.NODE_LOST


async def test_an_engine_that_is_away_is_said_so(tmp_path: Path) -> None:
    rig = Rig(Daemon(tmp_path), tmp_path)
    with pytest.raises(EngineAway):
        await rig.runtime.sweep([])
    begun = await rig.runtime.start(rig.order("true"), rig.printed)
    assert isinstance(begun, Exit) and begun.how is Ending.NODE_LOST
    await rig.runtime.close()


async def test_labels_say_whose_container_it_is(rig: Rig) -> None:
    order = rig.order("sleep", "500", grace_seconds=0)
    work = await rig.begin(order)
    wanted = [("lease", order.lease_token), ("job", order.job_id), ("attempt", 1), ("replica", "tests")]
    filters = [part for name, value in wanted for part in ("--filter", f"label=noonmark.{name}={value}")]
    assert len(rig.daemon.command("ps", "--quiet", *filters).split()) == 1
    await work.stop()
    assert not isinstance(work, Exit) and (await work.wait()).how is Ending.STOPPED
