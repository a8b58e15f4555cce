"""A control plane for the run: a namespace under the restricted standard, and the documented account."""

import os
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.conftest import fleet, work  # noqa: F401
from tests.kubernetes.node import Node
from tests.kubernetes.plane import Plane
from tests.kubernetes.rig import Rig

PROGRAMS = os.environ.get("NOONMARK_TEST_CONTROL_PLANE")

collect_ignore_glob = [] if PROGRAMS else ["test_*.py"]

_DOCUMENTED = Path(__file__).parents[2] / "docs" / "code.md"


def pytest_configure(config: pytest.Config) -> None:
    if PROGRAMS:
        # Whoever cuts off a request during its TLS handshake leaves the socket to the garbage collector.
        config.addinivalue_line("filterwarnings", "ignore:unclosed:ResourceWarning")


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    found = re.search(r"```yaml\n(.*?)```", _DOCUMENTED.read_text(), re.DOTALL)
    assert found is not None
    assert PROGRAMS is not None
    with Plane(Path(PROGRAMS), tmp_path_factory.mktemp("plane")) as started:
        started.furnish(yaml.safe_load(found[1]))
        yield started


@pytest.fixture
async def node(plane: Plane) -> AsyncIterator[Node]:
    async with Node(plane) as started:
        yield started


@pytest.fixture
async def rig(plane: Plane, node: Node, tmp_path: Path) -> AsyncIterator[Rig]:
    """A runtime with no more rights than are documented; whatever a test did, nothing is left by it."""
    started = Rig(plane, node, tmp_path)
    yield started
    await started.runtime.close()
    await started.until_nothing_is_left()
