"""A database that an operator holds back, and lets go."""

import asyncio

import pytest

from core import quarantine
from core.db import Database


async def test_a_database_is_held_until_it_is_released(database: Database) -> None:
    assert not await quarantine.held(database)
    await quarantine.hold(database)
    assert await quarantine.held(database)
    await quarantine.release(database)
    assert not await quarantine.held(database)


async def test_another_database_is_not_held(database: Database, server: str) -> None:
    await quarantine.hold(database)
    other = Database(server, name="tests", size=1)
    assert not await quarantine.held(other)
    await other.close()


async def test_who_waits_goes_on_when_it_is_released(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quarantine, "_EVERY_SECONDS", 0.01)
    await quarantine.hold(database)
    waiting = asyncio.create_task(quarantine.over(database, asyncio.Event()))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await quarantine.release(database)
    async with asyncio.timeout(5):
        await waiting


async def test_who_is_told_to_stop_does_not_go_on_waiting(database: Database) -> None:
    await quarantine.hold(database)
    stop = asyncio.Event()
    waiting = asyncio.create_task(quarantine.over(database, stop))
    stop.set()
    async with asyncio.timeout(5):
        await waiting
