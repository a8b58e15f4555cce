"""Streams that follow what a job prints, as server-sent events, until the job is over.

A stream looks into the table twice a second and holds no connection in between. Its events carry positions,
so whoever was cut off goes on where it was; it is cut off when it is too slow, when the server stops, and
after a while anyway, so that a credential that was revoked does not read on. There is room for so many
streams, and for fewer of one tenant.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from uuid import UUID

import msgspec

from app.logs import positions
from app.logs.schemas import End
from core import log
from core.clock import Clock
from core.db import Database, is_transient
from core.errors import RateLimited, Unavailable
from core.logs import store as logs
from core.logs.model import Page, Position
from core.logs.store import Wanted

POLL_SECONDS = 0.5
_BEAT_SECONDS = 15.0
_SLOW_SECONDS = 15.0
_LONGEST_SECONDS = 900.0
_MOST = 128
_MOST_OF_ONE = 16
_LINES = 500
_TRY_AGAIN_SECONDS = 5.0

_log = log.get(__name__)

HELLO = b"retry: 1000\n\n"
"""Who is cut off comes back after so many milliseconds."""
BEAT = b": still here\n\n"


class Streams:
    """The open streams of this process: how many there are, and what ends them."""

    def __init__(self, *, most: int = _MOST, most_of_one: int = _MOST_OF_ONE) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._open: Counter[UUID] = Counter()
        self._closing = asyncio.Event()

    def __len__(self) -> int:
        return self._open.total()

    @property
    def closing(self) -> bool:
        """Whether all of them are to end."""
        return self._closing.is_set()

    def close(self) -> None:
        """End all streams at their next look, and open no more."""
        self._closing.set()

    def take(self, tenant: UUID) -> "Seat":
        """A seat for a stream of this tenant. Raises Unavailable or RateLimited if there is none."""
        if self.closing or self._open.total() >= self._most:
            raise Unavailable("There are too many open streams; try again later.")
        if self._open[tenant] >= self._most_of_one:
            raise RateLimited(_TRY_AGAIN_SECONDS)
        self._open[tenant] += 1
        return Seat(self, tenant)

    def give_back(self, tenant: UUID) -> None:
        """A stream of this tenant has ended."""
        self._open[tenant] -= 1
        if not self._open[tenant]:
            del self._open[tenant]

    async def pause(self) -> None:
        """Until the next look."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS):
                await self._closing.wait()


class Seat:
    """The place of one open stream."""

    def __init__(self, streams: Streams, tenant: UUID) -> None:
        self.streams = streams
        self._tenant: UUID | None = tenant

    def leave(self) -> None:
        """Make room; a second time does nothing."""
        tenant, self._tenant = self._tenant, None
        if tenant is not None:
            self.streams.give_back(tenant)


async def follow(
    database: Database,
    seat: Seat,
    wanted: Wanted,
    first: Page,
    *,
    after: Position,
    now: Clock = time.monotonic,
) -> AsyncGenerator[bytes, None]:
    """The events of one stream; ``first`` is what was read when it was asked for."""
    try:
        async for event in _events(database, seat.streams, wanted, first, after=after, now=now):
            yield event
    finally:
        seat.leave()


async def _events(
    database: Database, streams: Streams, wanted: Wanted, first: Page, *, after: Position, now: Clock
) -> AsyncGenerator[bytes, None]:
    yield HELLO
    page: Page | None = first
    started = told = now()
    while True:
        if page is not None and page.lines:
            after = page.lines[-1].position
            yield _shown(page)
            told = now()
        elif now() - told > _BEAT_SECONDS:
            yield BEAT
            told = now()
        if page is not None and page.over and not page.more:
            yield b"event: end\ndata: %b\n\n" % msgspec.json.encode(End(page.state))
            return
        if streams.closing or now() - started > _LONGEST_SECONDS:
            return
        if page is None or not page.more:
            await streams.pause()
        page = await _look(database, wanted, after)


async def _look(database: Database, wanted: Wanted, after: Position) -> Page | None:
    """What was printed since; None while the database does not answer."""
    try:
        page = await read(database, wanted, after=after)
    except Exception as error:
        if not is_transient(error):
            raise
        _log.warning("database_unavailable", error=type(error).__name__)
        return None
    # A job that is gone, by its retention, was over.
    return page or Page([], more=False, state=None, over=True)


async def read(database: Database, wanted: Wanted, *, after: Position) -> Page | None:
    """One look of a stream; None if there is no such job."""
    async with database.raw() as db:
        return await logs.read(db, wanted, after=after, limit=_LINES)


async def impatient(
    events: AsyncGenerator[bytes, None], abort: Callable[[], object], *, seconds: float = _SLOW_SECONDS
) -> AsyncGenerator[bytes, None]:
    """The same events; ``abort`` is called when one of them is not taken in time."""
    loop = asyncio.get_running_loop()
    async with contextlib.aclosing(events) as opened:
        async for event in opened:
            timer = loop.call_later(seconds, abort)
            try:
                yield event
            finally:
                timer.cancel()


def _shown(page: Page) -> bytes:
    encode = msgspec.json.encode
    shown = [positions.line(line) for line in page.lines]
    return b"".join(b"id: %b\ndata: %b\n\n" % (line.position.encode(), encode(line)) for line in shown)
