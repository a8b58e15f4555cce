"""Every test of the sender runs on asyncio's own loop and on uvloop, which production uses."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import uvloop

from core.egress.guard import parse_egress
from scheduler.sender.sender import Sender
from tests.integration.scheduler.sender.targets import LOOPBACK, Calls, FixedResolver


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def calls() -> AsyncIterator[Calls]:
    """A sender that may call loopback, and a short way to use it."""
    sender = Sender(egress=parse_egress(LOOPBACK), resolver=FixedResolver())
    yield Calls(sender)
    await sender.close()
