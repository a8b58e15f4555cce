"""What arrives on the socket: bad HTTP, endless heads and bodies, and answers that still are documents."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from app import server as serving
from app.edge import SECURITY_HEADERS, Edge, Receive, Scope, Send
from app.server import Server
from core.errors import SettingError
from core.listening import listen


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the number of bytes in the body."""
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message["body"]), message["more_body"]
    content = str(size).encode()
    headers = [(b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    with listen("127.0.0.1", 0, setting="PORT") as listener:
        server = Server(Edge(echo, https=False))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        yield listener.getsockname()[1]
        server.leave()
        await task


async def exchange(port: int, *pieces: bytes) -> bytes:
    """Everything the server says until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        async with asyncio.timeout(10):
            return await reader.read()
    except ConnectionError:
        return await reader.read()
    finally:
        writer.close()


def document(answer: bytes) -> tuple[int, dict[str, str], dict[str, Any]]:
    head, _, content = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return int(status.split()[1]), headers, msgspec.json.decode(content)


HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        HEAD + b"Content-Length: +5\r\n\r\nhello",
        HEAD + b"Content-Length: x\r\n\r\n",
        HEAD + b"Transfer-Encoding: xchunked\r\n\r\n",
        HEAD + b"A\x00B: c\r\n\r\n",
        HEAD + b"A: b\x00c\r\n\r\n",
        HEAD + b" folded: x\r\n\r\n",
        HEAD + b"Bad Name: x\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_answered_once_and_closed(port: int, data: bytes) -> None:
    answer = await exchange(port, data)
    assert answer.count(b"HTTP/1.1 ") == 1
    status, headers, problem = document(answer)
    assert (status, problem["status"]) == (400, 400)
    assert headers["content-type"] == "application/problem+json"
    assert headers["x-request-id"] == problem["request_id"]
    for name, value in SECURITY_HEADERS:
        assert headers[name.decode()] == value.decode()


async def test_a_head_without_end_is_cut_off(port: int) -> None:
    start = b"GET / HTTP/1.1\r\nA: "
    answer = await exchange(port, start, b"a" * (64 * 1024 + 1 - len(start)))
    assert document(answer)[0] == 400


async def test_a_thousand_headers_are_refused(port: int) -> None:
    lines = b"".join(b"A%d: b\r\n" % number for number in range(1000))
    assert document(await exchange(port, HEAD + lines + b"\r\n"))[0] == 431


async def test_a_head_that_arrives_in_pieces_is_read(port: int) -> None:
    answer = await exchange(port, *[bytes([byte]) for byte in HEAD + b"Content-Length: 2\r\n\r\nhi"])
    assert answer.endswith(b"\r\n\r\n2")


async def test_a_large_body_does_not_count_as_head(port: int) -> None:
    size = 1_000_000
    answer = await exchange(port, HEAD + b"Content-Length: %d\r\n\r\n" % size + b"x" * size)
    assert answer.endswith(b"\r\n\r\n1000000")


async def test_a_second_request_on_the_connection_is_served(port: int) -> None:
    one = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na"
    answer = await exchange(port, one + HEAD + b"Content-Length: 2\r\n\r\nhi")
    assert answer.count(b"HTTP/1.1 200") == 2
    assert answer.endswith(b"2")


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_HEAD_SECONDS", 0.05)


@pytest.mark.parametrize("data", [b"", b"GET / HTTP/1.1\r\nA: b"])
async def test_a_connection_that_never_asks_is_closed(hasty: None, port: int, data: bytes) -> None:
    assert await exchange(port, data) == b""


async def test_answers_do_not_name_the_server(port: int) -> None:
    assert b"server:" not in (await exchange(port, HEAD + b"\r\n")).lower()


async def test_a_taken_port_is_told_by_its_name(port: int) -> None:
    with pytest.raises(SettingError, match="PORT"):
        listen("127.0.0.1", port, setting="PORT")


async def test_head_and_body_of_an_answer_arrive_together(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(2):
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
        assert (await reader.read(64 * 1024)).endswith(b"\r\n\r\n5")
    writer.close()
