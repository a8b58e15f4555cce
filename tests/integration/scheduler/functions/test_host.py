"""Speaking to the host: it may be slow, it may be gone."""

import asyncio
import os
import socket
from asyncio.subprocess import Process
from collections.abc import Iterator
from typing import cast

import pytest

from scheduler.runtimes.function_host import FunctionHost

_HANDED_OVER = [0, 1, 2, 2]
_ORDERS = 500


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    with ours, theirs:
        yield ours, theirs


def host(channel: socket.socket) -> FunctionHost:
    """One whose process is never asked."""
    return FunctionHost(cast(Process, object()), channel, ())


def take(channel: socket.socket) -> int:
    """How many descriptors came with an order."""
    _, descriptors, _, _ = socket.recv_fds(channel, 1, len(_HANDED_OVER))
    for descriptor in descriptors:
        os.close(descriptor)
    return len(descriptors)


async def test_a_slow_host_makes_orders_wait_and_gets_each_of_them(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = ends
    slow = host(ours)
    orders = [asyncio.create_task(slow.hand_over(_HANDED_OVER)) for _ in range(_ORDERS)]
    await asyncio.wait([orders[0]])
    assert not orders[-1].done()
    got = await asyncio.to_thread(lambda: [take(theirs) for _ in range(_ORDERS)])
    await asyncio.gather(*orders)
    assert got == [len(_HANDED_OVER)] * _ORDERS


async def test_a_host_that_has_gone_is_known_as_soon_as_it_is_spoken_to(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = ends
    dead = host(ours)
    theirs.close()
    with pytest.raises(ConnectionError):
        await dead.hand_over(_HANDED_OVER)
    assert dead.gone
