"""The receiver, a process of its own: `python -m tests.e2e.receiver LEDGER`; prints its port.

What it does with a request stands in the request's own URL, `/GROUP/KEY?…`, so nothing has to be arranged
before a job is made:

    fail=N      answer the first N deliveries of this path with 503
    drop=N      close the connection on the first N without an answer
    hold=N      keep the first N open until their group is released
    after=S     answer after S seconds
    drip=S      send the answer's body a byte at a time for S seconds
    status=C    answer with this code instead of 200

`POST /-/release/GROUP` lets a group's held calls go, `POST /-/secrets` (a JSON list) says what signs.
"""

import asyncio
import hashlib
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.e2e.ledger import Answered, Arrived, Dropped, Pen, Signature, now

_DRIP_SECONDS = 0.1


class Request:
    """One request as it stood on the wire."""

    def __init__(self, head: bytes, body: bytes) -> None:
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, _ = lines[0].split(" ")
        self.headers = {
            name.lower(): value.strip()
            for name, _, value in (each.partition(":") for each in lines[1:] if each)
        }
        self.body = body
        parts = urlsplit(self.target)
        self.path = parts.path
        self.orders = dict(parse_qsl(parts.query))

    def order(self, name: str) -> float:
        return float(self.orders.get(name, 0))


class Receiver:
    """Does as it is told, and writes down what happened."""

    def __init__(self, pen: Pen) -> None:
        self._pen = pen
        self._number = 0
        self._seen: Counter[str] = Counter()
        self._gates: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._secrets: list[str] = []

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                request = await _read(reader)
                if request.path.startswith("/-/"):
                    self._obey(request)
                    _answer(writer, 204, b"")
                elif not await self._deliver(request, reader, writer):
                    break
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    def _obey(self, request: Request) -> None:
        _, _, verb, *rest = request.path.split("/")
        if verb == "release":
            self._gates[rest[0]].set()
        else:
            self._secrets = json.loads(request.body)

    async def _deliver(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Whether the connection is still good."""
        number = self._arrived(request)
        nth = self._seen[request.path]
        if nth <= request.order("drop"):
            self._pen.write(Dropped(number=number, at=now(), on_purpose=True))
            return False
        if await self._left_while(self._thinking(request, nth), reader):
            self._pen.write(Dropped(number=number, at=now()))
            return False
        status = 503 if nth <= request.order("fail") else int(request.orders.get("status", 200))
        if request.order("drip") and not await _drip(writer, status, request.order("drip")):
            self._pen.write(Dropped(number=number, at=now()))
            return False
        if not request.order("drip"):
            _answer(writer, status, b'{"seen":%d}' % nth)
        await writer.drain()
        self._pen.write(Answered(number=number, at=now(), status=status))
        return True

    async def _thinking(self, request: Request, nth: int) -> None:
        if nth <= request.order("hold"):
            await self._gates[request.path.split("/")[1]].wait()
        await asyncio.sleep(request.order("after"))

    async def _left_while(self, thinking: Coroutine[Any, Any, None], reader: asyncio.StreamReader) -> bool:
        """Whether the caller hung up before we had made up our mind."""
        thought = asyncio.ensure_future(thinking)
        hung_up = asyncio.ensure_future(reader.read(1))
        await asyncio.wait({thought, hung_up}, return_when=asyncio.FIRST_COMPLETED)
        left = not thought.done()
        for task in (thought, hung_up):
            task.cancel()
        await asyncio.gather(thought, hung_up, return_exceptions=True)
        return left

    def _arrived(self, request: Request) -> int:
        self._number += 1
        self._seen[request.path] += 1
        self._pen.write(
            Arrived(
                number=self._number,
                at=now(),
                path=request.path,
                method=request.method,
                message_id=request.headers.get("webhook-id", ""),
                idempotency_key=request.headers.get("idempotency-key", ""),
                attempt=int(request.headers.get("x-noonmark-attempt", 0)),
                authorization_sha256=hashlib.sha256(
                    request.headers.get("authorization", "").encode()
                ).hexdigest(),
                body_sha256=hashlib.sha256(request.body).hexdigest(),
                signature=self._judge(request),
                traceparent=request.headers.get("traceparent", ""),
            )
        )
        return self._number

    def _judge(self, request: Request) -> Signature:
        if "webhook-signature" not in request.headers:
            return Signature.ABSENT
        return Signature.VALID if any(_verifies(one, request) for one in self._secrets) else Signature.INVALID


def _verifies(secret: str, request: Request) -> bool:
    try:
        Webhook(secret).verify(request.body, request.headers, json_parse=False)
    except WebhookVerificationError:
        return False
    return True


async def _read(reader: asyncio.StreamReader) -> Request:
    head = await reader.readuntil(b"\r\n\r\n")
    request = Request(head[:-4], b"")
    request.body = await reader.readexactly(int(request.headers.get("content-length", 0)))
    return request


def _answer(writer: asyncio.StreamWriter, status: int, body: bytes) -> None:
    writer.write(_head(status, len(body)) + body)


async def _drip(writer: asyncio.StreamWriter, status: int, seconds: float) -> bool:
    """Whether the caller had the patience."""
    count = max(1, round(seconds / _DRIP_SECONDS))
    writer.write(_head(status, count))
    for _ in range(count):
        await asyncio.sleep(_DRIP_SECONDS)
        writer.write(b".")
        try:
            await writer.drain()
        except OSError:
            return False
    return not writer.is_closing()


def _head(status: int, length: int) -> bytes:
    return b"HTTP/1.1 %d -\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, length)


async def main(ledger: Path) -> None:
    receiver = Receiver(Pen(ledger))
    server = await asyncio.start_server(receiver.connected, "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
