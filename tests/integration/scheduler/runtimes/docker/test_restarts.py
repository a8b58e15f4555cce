"""The engine ends, dies or is exchanged under a container that runs."""

import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from scheduler.runtimes.runtime import Ending, Exit
from tests.integration.scheduler.runtimes.docker.daemon import Daemon, running
from tests.integration.scheduler.runtimes.docker.rig import BUSYBOX, Rig
from tests.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.heavy]

UNTIL_TOLD = "echo ready; until [ -e /noonmark/out/go ]; do sleep 0.1; done; echo more; exit 7"


@pytest.fixture
def make_engine() -> Iterator[Callable[..., Daemon]]:
    with ExitStack() as stack:

        def make(*options: str) -> Daemon:
            folder = Path(tempfile.mkdtemp(prefix="noonmark-docker-"))
            daemon = stack.enter_context(running(folder, *options))
            daemon.make_image(BUSYBOX)
            return daemon

        yield make


async def test_a_container_that_outlives_its_engine_is_followed_on(
    make_engine: Callable[..., Daemon], tmp_path: Path
) -> None:
    daemon = make_engine("--live-restore")
    rig = Rig(daemon, tmp_path)
    order = rig.order("sh", "-c", UNTIL_TOLD)
    work = await rig.begin(order)
    await rig.until_printed("ready")
    daemon.end()
    daemon.start()
    (order.folder / "out" / "go").touch()
    assert await work.wait() == Exit(how=Ending.EXITED, code=7)
    assert daemon.containers() == []
    await rig.runtime.close()


async def test_a_container_that_died_with_its_engine_is_lost(
    make_engine: Callable[..., Daemon], tmp_path: Path
) -> None:
    daemon = make_engine()
    rig = Rig(daemon, tmp_path)
    work = await rig.begin(rig.order("sleep", "500"))
    daemon.end(signal.SIGKILL)
    daemon.start()
    assert (await work.wait()).how is Ending.NODE_LOST
    await wait_until(lambda: daemon.containers() == [], within=10, what="it is removed")
    await rig.runtime.close()


async def test_an_engine_that_stays_away_loses_what_it_ran(
    make_engine: Callable[..., Daemon], tmp_path: Path
) -> None:
    daemon = make_engine()
    rig = Rig(daemon, tmp_path, away_seconds=1)
    work = await rig.begin(rig.order("sleep", "500"))
    daemon.end(signal.SIGKILL)
    assert await work.wait() == Exit(
        how=Ending.NODE_LOST, message="The engine went away, or the container was removed."
    )
    await work.stop()
    daemon.start()
    await rig.runtime.sweep([])
    assert daemon.containers() == []
    await rig.runtime.close()


async def test_an_engine_that_is_away_loses_what_it_was_to_start(
    make_engine: Callable[..., Daemon], tmp_path: Path
) -> None:
    daemon = make_engine()
    rig = Rig(daemon, tmp_path)
    daemon.end(signal.SIGKILL)
    assert await rig.carry_out(rig.order("true")) == Exit(
        how=Ending.NODE_LOST, message="The engine that was to run it could not be reached."
    )
    daemon.start()
    assert await rig.carry_out(rig.order("true")) == Exit(how=Ending.EXITED, code=0)
    assert daemon.containers() == []
    await rig.runtime.close()


async def test_an_engine_that_is_shut_down_ends_what_it_ran(
    make_engine: Callable[..., Daemon], tmp_path: Path
) -> None:
    daemon = make_engine()
    rig = Rig(daemon, tmp_path)
    work = await rig.begin(rig.order("sleep", "500"))
    daemon.end()
    daemon.start()
    # Its end by TERM may be told before the engine is away.
    assert (await work.wait()).how in {Ending.NODE_LOST, Ending.SIGNALLED}
    assert daemon.containers() == []
    await rig.runtime.close()
