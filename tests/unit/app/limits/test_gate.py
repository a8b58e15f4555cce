"""The gate's own order of things, without a database behind it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from app.limits.gate import Gate
from app.limits.model import Credential
from core.db import Database


class Slow:
    """A database that knows nobody, and says so to everybody at once."""

    def __init__(self) -> None:
        self.asked = asyncio.Queue[None]()
        self.answers = asyncio.Event()

    @asynccontextmanager
    async def raw(self) -> AsyncIterator[Any]:
        yield self

    async def fetch(self, *_question: object) -> list[Any]:
        self.asked.put_nowait(None)
        await self.answers.wait()
        return []


async def test_whoever_comes_while_all_lanes_are_closing_is_not_left_standing() -> None:
    slow = Slow()
    gate = Gate(cast(Database, slow))

    async def ask(times: int) -> None:
        for _ in range(times):
            await gate.admit(Credential(token_hash=b"x"))

    async with asyncio.timeout(2):
        first = asyncio.create_task(ask(2))
        await slow.asked.get()
        second = asyncio.create_task(ask(1))
        await slow.asked.get()
        slow.answers.set()
        await asyncio.gather(first, second)
