"""Hints arrive, and somebody listens again after the connection broke."""

import asyncio
from uuid import UUID, uuid4

import asyncpg
import pytest

from core.db import Database, Raw
from core.replicas import store as replicas
from core.replicas.store import Replica, channel
from scheduler.hints import Hints

pytestmark = pytest.mark.capability("notify")


class Ears:
    """Hints for one replica, and what they said."""

    def __init__(self, database: Database) -> None:
        self.replica = uuid4()
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self.hints = Hints(
            database,
            self.replica,
            work=lambda: self.heard.put_nowait("work"),
            cancel=lambda: self.heard.put_nowait("cancel"),
        )

    async def next(self) -> str:
        async with asyncio.timeout(5):
            return await self.heard.get()


async def beat(db: Raw, replica: UUID, *, draining: bool = False, ttl_seconds: float = 15.0) -> None:
    await replicas.beat(db, Replica(replica, 8, "test"), ttl_seconds=ttl_seconds, draining=draining)


async def cut(db: Raw) -> None:
    """End the backend of whoever listens."""
    await db.execute(
        """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE datname = current_database() AND query ILIKE 'LISTEN%'"""
    )


async def test_listening_starts_with_a_look_because_a_hint_may_have_been_missed(database: Database) -> None:
    ears = Ears(database)
    assert await ears.hints.once() == 0
    assert await ears.next() == "work"
    await ears.hints.close()


async def test_a_hint_reaches_a_live_replica(database: Database) -> None:
    ears = Ears(database)
    await ears.hints.once()
    assert await ears.next() == "work"
    async with database.raw() as db:
        await beat(db, ears.replica)
        await replicas.hint(db)
    assert await ears.next() == "work"
    await ears.hints.close()


async def test_a_hint_names_one_replica_that_lives_and_does_not_drain(database: Database) -> None:
    ears = Ears(database)
    await ears.hints.once()
    assert await ears.next() == "work"
    async with database.raw() as db:
        await beat(db, uuid4(), draining=True)
        await beat(db, uuid4(), ttl_seconds=-1.0)
        await beat(db, ears.replica)
        for _ in range(10):
            await replicas.hint(db)
            assert await ears.next() == "work"
    await ears.hints.close()


async def test_a_cancel_hint_is_told_from_work(database: Database) -> None:
    ears = Ears(database)
    await ears.hints.once()
    assert await ears.next() == "work"
    async with database.raw() as db:
        await replicas.hint_cancel(db, ears.replica)
    assert await ears.next() == "cancel"
    await ears.hints.close()


async def test_a_broken_connection_is_replaced_and_what_was_missed_is_looked_for(database: Database) -> None:
    ears = Ears(database)
    await ears.hints.once()
    assert await ears.next() == "work"
    async with database.raw() as db:
        await cut(db)
        assert sorted([await ears.next(), await ears.next()]) == ["cancel", "work"]
        await ears.hints.once()
        assert await ears.next() == "work"
        await replicas.hint_cancel(db, ears.replica)
    assert await ears.next() == "cancel"
    await ears.hints.close()


async def test_a_connection_that_could_not_listen_is_not_kept(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would look as if somebody listened, for ever."""
    ears = Ears(database)
    made: list[Raw] = []
    real = asyncpg.Connection.add_listener

    async def fail(db: Raw, *_: object) -> None:
        made.append(db)
        raise TimeoutError

    monkeypatch.setattr(asyncpg.Connection, "add_listener", fail)
    with pytest.raises(TimeoutError):
        await ears.hints.once()
    assert made[0].is_closed()
    monkeypatch.setattr(asyncpg.Connection, "add_listener", real)
    await ears.hints.once()
    assert await ears.next() == "work"
    await ears.hints.close()


async def test_looking_again_while_somebody_listens_costs_nothing(database: Database) -> None:
    ears = Ears(database)
    await ears.hints.once()
    first = ears.hints._db
    await ears.hints.once()
    assert ears.hints._db is first
    await ears.hints.close()


def test_a_channels_name_fits_into_an_identifier() -> None:
    assert len(channel(uuid4())) < 63
