"""Calls to targets that behave: exact bytes, every framing, connections reused and never shared."""

import asyncio
from asyncio import StreamReader, StreamWriter
from uuid import UUID

import pytest

from scheduler.sender.reply import Response
from tests.integration.scheduler.sender.targets import (
    OK,
    Calls,
    answering,
    closing,
    read_request,
    target,
)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_method_headers_and_body_arrive_to_the_byte(calls: Calls, method: str) -> None:
    seen: list[bytes] = []
    body = '{"grüße": "⏰\\r\\n"}'.encode()
    async with target(answering(OK, seen=seen)) as there:
        reply = await calls.reply(
            there.url("/a%20b?c=d&e=%C3%BC"), method=method, headers=(("X-A", "1"), ("x-b", "two")), body=body
        )
    assert seen == [
        f"{method} /a%20b?c=d&e=%C3%BC HTTP/1.1\r\nHost: 127.0.0.1:{there.port}\r\nX-A: 1\r\nx-b: two\r\n"
        f"Accept-Encoding: identity\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    ]
    assert isinstance(reply, Response)
    assert (reply.status, reply.body, reply.bytes_sent) == (200, b"ok", len(seen[0]))


async def test_a_mebibyte_of_body_arrives_whole(calls: Calls) -> None:
    seen: list[bytes] = []
    body = bytes(range(256)) * 4096
    async with target(answering(OK, seen=seen)) as there:
        response = await calls.response(there.url(), body=body)
    assert seen[0].endswith(b"\r\n\r\n" + body)
    assert response.bytes_sent == len(seen[0])


@pytest.mark.parametrize(
    ("sent", "status", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", 200, b"abc"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", 304, b""),
        (b"HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n", 404, b""),
        (
            b"HTTP/1.1 100 C\r\n\r\nHTTP/1.1 102 P\r\n\r\nHTTP/1.1 201 C\r\nContent-Length: 1\r\n\r\nx",
            201,
            b"x",
        ),
    ],
)
async def test_every_framing_that_keeps_the_connection_is_read_and_the_connection_reused(
    calls: Calls, sent: bytes, status: int, body: bytes
) -> None:
    async with target(answering(sent)) as there:
        first = await calls.response(there.url())
        second = await calls.response(there.url())
    assert (first.status, first.body, first.reused) == (status, body, False)
    assert (second.status, second.body, second.reused) == (status, body, True)
    assert there.connections == 1


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\n\r\nall of it",
        b"HTTP/1.0 200 OK\r\n\r\nall of it",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\nall of it",
        b"HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nall of it",
    ],
)
async def test_every_framing_that_ends_the_connection_is_read_and_the_next_call_dials(
    calls: Calls, sent: bytes
) -> None:
    async with target(closing(sent)) as there:
        for _ in range(2):
            response = await calls.response(there.url())
            assert (response.status, response.body, response.reused) == (200, b"all of it", False)
    assert there.connections == 2


async def test_the_answer_to_head_has_no_body_whatever_its_length_says(calls: Calls) -> None:
    async with target(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")) as there:
        response = await calls.response(there.url(), method="HEAD")
    assert (response.status, response.body, response.truncated) == (200, b"", False)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_and_is_never_followed(calls: Calls, status: int) -> None:
    async with target(answering(OK)) as elsewhere:
        moved = f"HTTP/1.1 {status} Moved\r\nLocation: {elsewhere.url()}\r\nContent-Length: 0\r\n\r\n"
        async with target(answering(moved.encode())) as there:
            response = await calls.response(there.url())
    assert response.status == status
    assert ("location", elsewhere.url()) in response.headers
    assert elsewhere.connections == 0


async def test_a_cookie_is_not_remembered(calls: Calls) -> None:
    seen: list[bytes] = []
    cookie = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 0\r\n\r\n"
    async with target(answering(cookie, seen=seen)) as there:
        await calls.response(there.url())
        await calls.response(there.url())
    assert seen[0] == seen[1] and b"ookie" not in seen[1]


async def test_a_thousand_calls_to_one_host_use_no_more_connections_than_are_under_way(calls: Calls) -> None:
    async with target(answering(OK)) as there:

        async def one_after_another() -> None:
            for _ in range(100):
                await calls.response(there.url())

        await asyncio.gather(*(one_after_another() for _ in range(10)))
        assert there.connections <= 10
        assert calls.sender.open_connections <= 10
        assert calls.sender.idle_connections == calls.sender.open_connections


async def test_two_tenants_never_share_a_connection(calls: Calls) -> None:
    async with target(answering(OK)) as there:
        for tenant in (UUID(int=1), UUID(int=2), UUID(int=1), UUID(int=2)):
            await calls.response(there.url(), tenant=tenant)
    assert there.connections == 2


async def test_calls_at_once_go_over_connections_of_their_own(calls: Calls) -> None:
    together = asyncio.Barrier(3)

    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        await read_request(reader)
        await together.wait()
        writer.write(OK)
        await writer.drain()

    async with target(handle) as there:
        await asyncio.gather(*(calls.response(there.url()) for _ in range(3)))
    assert there.connections == 3


async def test_a_closed_sender_leaves_no_connection_open(calls: Calls) -> None:
    async with target(answering(OK)) as there:
        await asyncio.gather(*(calls.response(there.url()) for _ in range(5)))
        await calls.sender.close()
        assert calls.sender.open_connections == calls.sender.idle_connections == 0
