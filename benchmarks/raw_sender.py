"""`python -m benchmarks.raw_sender URL COUNT CALLS`: the sender of production in a loop, nothing else.

Its requests have a delivery's headers, ready made. COUNT requests in all, CALLS under way at once; says its
marks, as a scheduler's ledger would show them.
"""

import asyncio
import gc
import sys
from collections.abc import Iterator

import uvloop

from benchmarks import work
from benchmarks.marks import Marks
from core import ids
from core.egress.guard import parse_egress
from core.egress.urls import Refusal, parse_url
from scheduler.delivery import USER_AGENT
from scheduler.sender.reply import Response
from scheduler.sender.request import Request, header_lines
from scheduler.sender.sender import Sender, open_sender

_SECONDS = 30.0


def request(text: str) -> Request:
    """As a delivery's, down to the length of its headers."""
    url, message_id = parse_url(text), str(ids.new())
    if isinstance(url, Refusal):
        raise ValueError(url.message)
    lines = (
        ("User-Agent", USER_AGENT),
        ("Content-Type", "application/json"),
        ("webhook-id", message_id),
        ("webhook-timestamp", "1790000000"),
        ("webhook-signature", "v1," + "x" * 44),
        ("Idempotency-Key", message_id),
        ("X-Noonmark-Attempt", "1"),
        ("X-Request-ID", "benchmark-1"),
        ("traceparent", f"00-{'a' * 32}-{'b' * 16}-01"),
    )
    return Request(ids.new(), "POST", url, header_lines(lines), work.body(work.BODY_BYTES))


async def run(url: str, count: int, calls: int) -> None:
    marks, asked = Marks(count), iter(range(count))
    async with open_sender(parse_egress("127.0.0.0/8"), concurrency=calls) as sender:
        gc.collect()
        gc.freeze()
        await asyncio.gather(*(_loop(sender, request(url), asked, marks) for _ in range(calls)))


async def _loop(sender: Sender, what: Request, asked: Iterator[int], marks: Marks) -> None:
    loop = asyncio.get_running_loop()
    for _ in asked:
        reply = await sender.send(what, deadline=loop.time() + _SECONDS)
        if not isinstance(reply, Response):
            raise RuntimeError(f"the receiver failed: {reply}")
        marks.add(1)


if __name__ == "__main__":
    uvloop.run(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
