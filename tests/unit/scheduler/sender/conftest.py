"""A loop and transports for one test."""

from collections.abc import Iterator

import pytest

from tests.unit.scheduler.sender.fakes import FakeLoop, Transports


@pytest.fixture
def loop() -> Iterator[FakeLoop]:
    made = FakeLoop()
    yield made
    made.close()


@pytest.fixture
def transports() -> Iterator[Transports]:
    made = Transports()
    yield made
    made.dispose()
