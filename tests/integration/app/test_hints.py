"""Hints: sent to one replica, together, and never in anybody's way."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from app.hints import SOON_SECONDS, Hints
from core.db import Database
from core.replicas import store as replicas
from core.replicas.store import Replica


class Listeners:
    """Two live replicas and what they hear."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.ids = [uuid4(), uuid4()]
        self._heard: list[tuple[str, str]] = []

    async def open(self) -> None:
        self._db = await self._database.dial()
        for replica in self.ids:
            await replicas.beat(self._db, Replica(replica, 1, "test"), ttl_seconds=60, draining=False)
            await self._db.add_listener(replicas.channel(replica), self._hear)

    async def heard(self) -> list[tuple[str, str]]:
        """Everything that was sent until now."""
        await self._db.fetchval("SELECT 1")
        return self._heard

    async def close(self) -> None:
        await self._db.close()

    def _hear(self, _db: object, _pid: int, channel: str, payload: object) -> None:
        self._heard.append((channel, str(payload)))


@pytest.fixture
async def listeners(direct: Database) -> AsyncIterator[Listeners]:
    opened = Listeners(direct)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def hints(database: Database) -> AsyncIterator[Hints]:
    made = Hints(database)
    yield made
    made.close()


@pytest.mark.capability("notify")
async def test_a_burst_of_work_wakes_one_replica_once(hints: Hints, listeners: Listeners) -> None:
    for _ in range(100):
        hints.work(0.0)
    assert await hints.once() == 1
    assert await hints.once() == 0
    assert [payload for _, payload in await listeners.heard()] == [""]


async def test_what_is_due_later_wakes_nobody(hints: Hints, listeners: Listeners) -> None:
    hints.work(SOON_SECONDS)
    assert await hints.once() == 0
    assert await listeners.heard() == []


@pytest.mark.capability("notify")
async def test_a_cancel_is_told_to_the_replica_it_concerns(hints: Hints, listeners: Listeners) -> None:
    hints.cancel(listeners.ids[1])
    hints.cancel(listeners.ids[1])
    assert await hints.once() == 1
    assert await listeners.heard() == [(replicas.channel(listeners.ids[1]), "cancel")]


async def test_nobody_alive_to_wake_is_no_error(hints: Hints) -> None:
    hints.work(0.0)
    assert await hints.once() == 1


async def test_without_notify_nothing_is_said_or_kept(database: Database, listeners: Listeners) -> None:
    silent = Hints(database, notify=False)
    silent.work(0.0)
    silent.cancel(listeners.ids[0])
    assert await silent.once() == 0
    assert await listeners.heard() == []


async def test_a_hint_that_cannot_be_sent_is_forgotten() -> None:
    hints = Hints(Database("postgresql://noonmark@127.0.0.1:9/nowhere", name="tests"))
    hints.work(0.0)
    assert await hints.once() == 1
    assert await hints.once() == 0


@pytest.mark.capability("notify")
async def test_a_broken_connection_is_replaced(hints: Hints, listeners: Listeners) -> None:
    hints.work(0.0)
    await hints.once()
    hints.close()
    hints.work(0.0)
    await hints.once()
    assert len(await listeners.heard()) == 2


@pytest.mark.capability("notify")
async def test_a_running_loop_sends_as_soon_as_it_is_told(hints: Hints, listeners: Listeners) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(hints.loop.run(stop))
    hints.work(0.0)
    async with asyncio.timeout(10):
        while not await listeners.heard():
            pass
    stop.set()
    await running
