"""A cluster of paper for each test, and a runtime on it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.scheduler.runtimes.kubernetes.fake import FakeCluster, answering
from tests.integration.scheduler.runtimes.kubernetes.rig import Rig


@pytest.fixture
async def fake() -> AsyncIterator[FakeCluster]:
    async with answering() as made:
        yield made


@pytest.fixture
async def rig(fake: FakeCluster, tmp_path: Path) -> AsyncIterator[Rig]:
    """A runtime; whatever a test did, nothing is left in the cluster by it."""
    started = Rig(fake, tmp_path)
    yield started
    await started.runtime.close()
    assert started.left() == []
