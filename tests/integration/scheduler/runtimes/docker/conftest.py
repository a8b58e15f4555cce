"""One engine for all tests but those that end it, and a runtime for each."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.integration.scheduler.runtimes.docker.daemon import Daemon, running
from tests.integration.scheduler.runtimes.docker.rig import BUSYBOX, Rig


@pytest.fixture(scope="session")
def engine() -> Iterator[Daemon]:
    """Its folder has a short name: a socket's may not be long."""
    folder = Path(tempfile.mkdtemp(prefix="noonmark-docker-"))
    with running(folder) as daemon:
        daemon.make_image(BUSYBOX)
        yield daemon


@pytest.fixture
async def rig(engine: Daemon, tmp_path: Path) -> AsyncIterator[Rig]:
    """A runtime; whatever a test did, no container is left by it."""
    started = Rig(engine, tmp_path)
    yield started
    await started.runtime.close()
    assert engine.containers() == []
