"""Targets that stall, flood, lie and break off: each call ends by its deadline, in bounded memory."""

import asyncio
import gzip
import socket
import struct
import tracemalloc
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest

from scheduler.sender.reading import MAX_BODY
from scheduler.sender.reply import Response
from scheduler.verdict import FailureCode
from tests.integration.scheduler.sender.targets import (
    OK,
    Calls,
    Handler,
    answering,
    closing,
    read_request,
    silent,
    target,
)

SECONDS = 0.2


def pouring(start: bytes, piece: bytes, poured: list[int] | None = None) -> Handler:
    """Answers with a start and then the same piece for ever, as fast as it is read."""

    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        await read_request(reader)
        writer.write(start)
        while True:
            writer.write(piece)
            await writer.drain()
            if poured is not None:
                poured.append(len(piece))

    return handle


def dripping(start: bytes, drop: bytes) -> Handler:
    """Answers with a start and then a drop at a time, for ever."""

    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        await read_request(reader)
        writer.write(start)
        while not reader.at_eof():
            writer.write(drop)
            await writer.drain()
            with suppress(TimeoutError):
                await asyncio.wait_for(reader.read(1), timeout=0.01)

    return handle


def reset(writer: StreamWriter) -> None:
    """Break the link off with a RST."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@pytest.mark.parametrize(
    "handler",
    [
        silent,
        dripping(b"HTTP/1.1 200 ", b"O"),
        dripping(b"HTTP/1.1 200 OK\r\n", b"X"),
        dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n", b"x"),
        dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        dripping(b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
        dripping(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    ],
    ids=["nothing", "status", "headers", "length", "chunks", "close", "interim"],
)
async def test_a_target_that_never_finishes_is_given_up_at_the_deadline(
    calls: Calls, handler: Handler
) -> None:
    loop = asyncio.get_running_loop()
    started = loop.time()
    async with target(handler) as there:
        failure = await calls.failure(there.url(), FailureCode.TIMEOUT, seconds=SECONDS)
        took = loop.time() - started
    assert SECONDS - 0.01 <= took < SECONDS + 1
    assert failure.bytes_sent > 0
    assert calls.sender.open_connections == 0


async def test_a_flood_of_interim_responses_is_given_up_early(calls: Calls) -> None:
    async with target(pouring(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 100)) as there:
        failure = await calls.failure(there.url(), FailureCode.PROTOCOL_ERROR)
    assert failure.bytes_sent > 0


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"HTTP/1.1 202 OK\r\n\r\n", b"x" * 65536),
        (b"HTTP/1.1 202 OK\r\nContent-Length: 10000000000\r\n\r\n", b"x" * 65536),
        (b"HTTP/1.1 202 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"ffff\r\n" + b"x" * 0xFFFF + b"\r\n"),
    ],
    ids=["close", "length", "chunks"],
)
async def test_a_body_without_end_is_cut_and_the_status_decides(
    calls: Calls, start: bytes, piece: bytes
) -> None:
    poured: list[int] = []
    async with target(pouring(start, piece, poured)) as there:
        response = await calls.response(there.url())
    assert (response.status, len(response.body), response.truncated) == (202, MAX_BODY, True)
    assert sum(poured) < 32 * 1024 * 1024
    assert calls.sender.idle_connections == 0


async def test_answers_of_a_gigabyte_take_no_memory_beyond_what_is_kept_of_them(calls: Calls) -> None:
    start = b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n"
    async with target(pouring(start, bytes(65536))) as there:
        await calls.response(there.url())
        tracemalloc.start()
        try:
            kept = [await calls.response(there.url()) for _ in range(20)]
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert {len(response.body) for response in kept} == {MAX_BODY}
    assert peak < len(kept) * MAX_BODY + 2 * 1024 * 1024


@pytest.mark.parametrize(
    "piece",
    [b"1;" + b"e" * 8000 + b"\r\nx\r\n", b"0\r\nX-A: " + b"a" * 65536],
    ids=["extensions", "trailers"],
)
async def test_chunk_extensions_or_trailers_without_end_are_cut(calls: Calls, piece: bytes) -> None:
    start = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    handler = pouring(start + piece, piece if piece.startswith(b"1") else b"a" * 65536)
    async with target(handler) as there:
        response = await calls.response(there.url())
    assert (response.status, response.truncated) == (200, True)


@pytest.mark.parametrize("piece", [b"X-A: b\r\n" * 1000, b"a" * 65536], ids=["many", "long"])
async def test_a_head_without_end_is_a_protocol_error(calls: Calls, piece: bytes) -> None:
    async with target(pouring(b"HTTP/1.1 200 OK\r\nX-A: ", piece)) as there:
        await calls.failure(there.url(), FailureCode.PROTOCOL_ERROR)


async def test_a_bomb_is_kept_as_it_came(calls: Calls) -> None:
    bomb = gzip.compress(gzip.compress(bytes(50_000_000)))
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()
    async with target(answering(head + bomb)) as there:
        response = await calls.response(there.url())
    assert response.body == bomb and len(bomb) < 5000


async def test_a_length_longer_than_the_body_is_a_lost_connection(calls: Calls) -> None:
    async with target(closing(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort")) as there:
        await calls.failure(there.url(), FailureCode.CONNECTION_LOST)


async def test_a_length_shorter_than_the_body_cuts_it_and_costs_the_connection(calls: Calls) -> None:
    async with target(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nlonger", OK)) as there:
        first = await calls.response(there.url())
        second = await calls.response(there.url())
    assert (first.body, second.reused) == (b"lo", False)
    assert there.connections == 2


async def test_a_second_response_that_nobody_asked_for_is_never_taken_for_the_next(calls: Calls) -> None:
    smuggled = OK + b"HTTP/1.1 500 Smuggled\r\nContent-Length: 0\r\n\r\n"
    async with target(answering(smuggled, OK)) as there:
        assert (await calls.response(there.url())).status == 200
        assert (await calls.response(there.url())).status == 200
    assert there.connections == 2


@pytest.mark.parametrize(
    "banner",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"220 mail.example.com ESMTP\r\n",
        b"<html>HTTP/0.9</html>",
        b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64\x00\x04\x00\x10\x00\x00",
    ],
)
async def test_a_target_that_speaks_something_else_is_a_protocol_error(calls: Calls, banner: bytes) -> None:
    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        writer.write(banner)
        await reader.read()

    async with target(handle) as there:
        await calls.failure(there.url(), FailureCode.PROTOCOL_ERROR)


@pytest.mark.parametrize(
    "before", [b"", b"HTTP/1.1 200 OK\r\nX-A:", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"]
)
@pytest.mark.parametrize("how", ["reset", "close"])
async def test_a_link_that_breaks_before_the_end_is_lost(calls: Calls, before: bytes, how: str) -> None:
    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        await read_request(reader)
        writer.write(before)
        await writer.drain()
        if how == "reset":
            reset(writer)

    async with target(handle) as there:
        failure = await calls.failure(there.url(), FailureCode.CONNECTION_LOST)
    assert failure.bytes_sent > 0


async def test_a_target_that_resets_every_connection_is_an_error_of_the_link(calls: Calls) -> None:
    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        reset(writer)

    async with target(handle) as there:
        await calls.failure(there.url(), FailureCode.CONNECTION_LOST)


async def test_a_port_where_nobody_listens_takes_no_connection(calls: Calls) -> None:
    async with target(silent) as there:
        gone = there.url()
    failure = await calls.failure(gone, FailureCode.CONNECT_ERROR)
    assert failure.message == "The target took no connection: connection refused."
    assert failure.bytes_sent == 0


async def test_a_name_that_does_not_exist_is_a_dns_error(calls: Calls) -> None:
    failure = await calls.failure("http://nowhere.example/", FailureCode.DNS_ERROR)
    assert failure.bytes_sent == 0


async def test_an_address_outside_the_allowed_ranges_is_refused_before_any_dial(calls: Calls) -> None:
    failure = await calls.failure("http://10.0.0.1/", FailureCode.DESTINATION_REFUSED)
    assert failure.bytes_sent == 0


@contextmanager
def deaf() -> Iterator[str]:
    """A target whose backlog is full: it takes no further connection."""
    with ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            filler = sockets.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"


async def test_a_target_that_never_takes_the_connection_is_given_up_at_the_deadline(calls: Calls) -> None:
    with deaf() as url:
        failure = await calls.failure(url, FailureCode.TIMEOUT, seconds=SECONDS)
    assert failure.bytes_sent == 0


async def test_a_target_that_reads_nothing_of_a_large_body_is_given_up_at_the_deadline(calls: Calls) -> None:
    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await asyncio.get_running_loop().create_future()

    body = bytes(16 * 1024 * 1024)
    async with target(handle, limit=1) as there:
        failure = await calls.failure(there.url(), FailureCode.TIMEOUT, body=body, seconds=SECONDS)
    assert 0 < failure.bytes_sent < len(body)


async def test_an_answer_before_the_body_was_read_counts(calls: Calls) -> None:
    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        await asyncio.get_running_loop().create_future()

    async with target(handle, limit=1024) as there:
        reply = await calls.reply(there.url(), body=bytes(16 * 1024 * 1024))
    assert isinstance(reply, Response) and reply.status == 413
    assert reply.bytes_sent < 16 * 1024 * 1024
    assert calls.sender.idle_connections == 0


async def test_a_kept_connection_that_its_target_closes_is_not_used_again(calls: Calls) -> None:
    async with target(closing(OK)) as there:
        await calls.response(there.url())
        await calls.response(there.url())
    assert there.connections == 2


async def test_a_kept_connection_that_breaks_under_the_next_request_is_lost_and_nothing_is_resent(
    calls: Calls,
) -> None:
    seen: list[bytes] = []

    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        seen.append(await read_request(reader))
        writer.write(OK)
        seen.append(await read_request(reader))
        reset(writer)

    async with target(handle) as there:
        await calls.response(there.url("/1"))
        failure = await calls.failure(there.url("/2"), FailureCode.CONNECTION_LOST)
    assert [request.split()[1] for request in seen] == [b"/1", b"/2"]
    assert failure.bytes_sent == len(seen[1])
    assert there.connections == 1
