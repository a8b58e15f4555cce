"""What tests of the runtimes share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.scheduler.runtimes.attempts import Attempts


@pytest.fixture
async def attempts(tmp_path: Path) -> AsyncIterator[Attempts]:
    """A process runtime of its own, closed and cleared away at the end."""
    started = Attempts(tmp_path / "attempts")
    yield started
    await started.close()
