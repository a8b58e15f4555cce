"""What must not start does not, and what is called off stops: the guard, cancelling, closing."""

import asyncio
import socket
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator

import pytest

from scheduler.sender.reply import Failure, NotStarted
from scheduler.verdict import FailureCode
from tests.integration.scheduler.sender.targets import OK, Calls, answering, read_request, target


class Held:
    """A target's behaviour: answers the first request, and holds every later one until its caller goes."""

    def __init__(self, answered: int = 0) -> None:
        self.answered = answered
        self.requests: list[bytes] = []
        self.arrived = asyncio.Event()
        self.left = asyncio.Event()

    async def __call__(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            while True:
                self.requests.append(await read_request(reader))
                if len(self.requests) <= self.answered:
                    writer.write(OK)
                else:
                    self.arrived.set()
        finally:
            self.left.set()


def saying(*words: bool) -> Iterator[bool]:
    return iter(words)


async def test_a_guard_that_says_no_dials_nothing(calls: Calls) -> None:
    async with target(answering(OK)) as there:
        assert await calls.reply(there.url(), guard=lambda: False) == NotStarted()
        assert there.connections == 0


async def test_a_guard_that_says_no_after_the_dial_sends_nothing(calls: Calls) -> None:
    words = saying(True, False)
    held = Held()
    async with target(held) as there:
        assert await calls.reply(there.url(), guard=lambda: next(words)) == NotStarted()
        await calls.sender.close()
        await held.left.wait()
    assert held.requests == []


async def test_a_guard_that_says_no_sends_nothing_on_a_kept_connection_and_keeps_it(calls: Calls) -> None:
    seen: list[bytes] = []
    async with target(answering(OK, seen=seen)) as there:
        await calls.response(there.url())
        assert await calls.reply(there.url(), guard=lambda: False) == NotStarted()
        assert len(seen) == 1
        assert (await calls.response(there.url())).reused


@pytest.mark.parametrize("answered", [0, 1])
async def test_a_cancelled_call_is_aborted_at_once_and_its_connection_dropped(
    calls: Calls, answered: int
) -> None:
    held = Held(answered)
    async with target(held) as there:
        for _ in range(answered):
            await calls.response(there.url())
        call = asyncio.create_task(calls.reply(there.url()))
        await held.arrived.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await held.left.wait()
        assert there.connections == 1
    assert calls.sender.idle_connections == 0


@pytest.mark.parametrize("steps", range(8))
async def test_a_call_cancelled_at_any_step_of_its_dial_leaves_nothing_open(calls: Calls, steps: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        call = asyncio.create_task(calls.reply(url))
        for _ in range(steps):
            await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await calls.sender.close()
    assert calls.sender.open_connections == 0


async def test_the_caller_is_told_the_size_before_anything_is_written_and_only_then(calls: Calls) -> None:
    told: list[int] = []
    words = saying(True, False)
    held = Held()
    async with target(held) as there:
        await calls.reply(there.url(), guard=lambda: next(words), writing=told.append)
        assert told == []
        call = asyncio.create_task(calls.reply(there.url(), body=b"x", writing=told.append))
        await held.arrived.wait()
        call.cancel()
        await asyncio.wait([call])
    assert told == [len(held.requests[0])]


async def test_a_call_whose_deadline_has_passed_does_not_start(calls: Calls) -> None:
    async with target(answering(OK)) as there:
        reply = await calls.reply(there.url(), seconds=0)
        assert isinstance(reply, Failure)
        assert (reply.code, reply.bytes_sent, there.connections) == (FailureCode.TIMEOUT, 0, 0)


async def test_closing_the_sender_ends_calls_under_way_as_lost(calls: Calls) -> None:
    held = Held()
    async with target(held) as there:
        call = asyncio.create_task(calls.reply(there.url()))
        await held.arrived.wait()
        await calls.sender.close()
        reply = await call
    assert isinstance(reply, Failure)
    assert reply.code is FailureCode.CONNECTION_LOST and reply.bytes_sent > 0
    assert calls.sender.open_connections == 0
