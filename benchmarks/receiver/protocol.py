"""HTTP/1.1 just far enough for what senders send here: no chunks, no expectations, one request after another.

POST /hook        200 and 100 bytes, at once
POST /flaky       500 to a first attempt, else as /hook
POST /hold        200 once /control/release was asked
GET  /control/…   count, reset, release, dump
"""

import asyncio
import time
from collections.abc import Callable
from typing import cast

from benchmarks.receiver.ledger import ID_LENGTH, Ledger

_BODY = b'{"received":true,"note":"' + b"x" * 73 + b'"}'
OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n" + _BODY
_FAILED = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n"
_UNKNOWN = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"

_END = b"\r\n\r\n"
_LENGTH = b"content-length:"
_ID = b"webhook-id: "
_FIRST = b"x-noonmark-attempt: 1\r\n"


class Book:
    """What all connections share."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.ledger = Ledger()
        self.clock = clock
        self.held: list[asyncio.Transport] = []


class Protocol(asyncio.Protocol):
    """One connection."""

    _transport: asyncio.Transport

    def __init__(self, book: Book) -> None:
        self._book = book
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        while data:
            end = data.find(_END)
            if end < 0:
                break
            head = data[: end + 2].lower()
            length = end + 4 + content_length(head)
            if len(data) < length:
                break
            self._serve(head)
            data = data[length:]
        self._rest = data

    def _serve(self, head: bytes) -> None:
        if not head.startswith(b"post "):
            self._transport.write(self._control(head.split(b" ", 2)[1]))
            return
        book = self._book
        at = head.find(_ID) + len(_ID)
        book.ledger.add(head[at : at + ID_LENGTH], book.clock())
        if head.startswith(b"post /hook"):
            self._transport.write(OK)
        elif head.startswith(b"post /hold"):
            book.held.append(self._transport)
        else:
            self._transport.write(_FAILED if _FIRST in head else OK)

    def _control(self, path: bytes) -> bytes:
        book = self._book
        match path:
            case b"/control/count":
                return _answer(b"%d %.6f" % (len(book.ledger), book.clock()))
            case b"/control/reset":
                book.ledger.clear()
                return _answer(b"")
            case b"/control/release":
                held, book.held = book.held, []
                for transport in held:
                    transport.write(OK)
                return _answer(b"%d" % len(held))
            case b"/control/dump":
                return _answer(book.ledger.dump())
        return _UNKNOWN


def content_length(head: bytes) -> int:
    """Of a head in lower case; 0 if it does not say."""
    at = head.find(_LENGTH)
    if at < 0:
        return 0
    at += len(_LENGTH)
    return int(head[at : head.index(b"\r\n", at)])


def _answer(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
