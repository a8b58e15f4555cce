"""A function runtime for each test, closed after it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.scheduler.functions.rig import Rig, hosts


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    await rig.runtime.close()
    assert hosts() == []
