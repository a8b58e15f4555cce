"""A whole replica in the test's own process, and a target that answers when it is told to."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from core.capabilities import Capabilities
from core.db import BY_INDEX, PLANNED_ANEW, Database, Raw
from core.egress.guard import parse_egress
from core.replicas import store as replicas
from core.settings import Settings
from scheduler.replica import Scheduler
from scheduler.sender.sender import Sender
from tests.capabilities import SERVER
from tests.integration.scheduler.rig import tally
from tests.integration.scheduler.sender.targets import LOOPBACK, FixedResolver, read_request
from tests.unit.scheduler.fakes import KEYRING

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Listening(Database):
    """Counts every statement of every connection."""

    def __init__(self, dsn: str, seen: list[str], **given: Any) -> None:
        super().__init__(dsn, **given)
        self._seen = seen

    async def dial(self, *, command_timeout: float = 30.0) -> Raw:
        db = await super().dial(command_timeout=command_timeout)
        db.add_query_logger(lambda record: self._seen.append(record.query))
        return db


class Running:
    """A replica at work."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.stop, self.hurry = asyncio.Event(), asyncio.Event()
        self.task = asyncio.create_task(scheduler.run(self.stop, self.hurry))

    async def alive(self) -> None:
        """Until its first beat has arrived and its first rounds are done."""
        async with asyncio.timeout(10):
            while True:
                if self.scheduler.fence.alive():
                    break
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)

    async def end(self) -> float:
        """Stop it; the seconds that took."""
        began = asyncio.get_running_loop().time()
        self.stop.set()
        async with asyncio.timeout(30):
            await self.task
        return asyncio.get_running_loop().time() - began


@asynccontextmanager
async def running(
    dsn: str, *, seen: list[str] | None = None, server: Capabilities = SERVER, **given: Any
) -> AsyncIterator[Running]:
    """A replica that may call loopback."""
    settings = Settings(database_url=dsn, **({"concurrency": 64, "drain_seconds": 10.0} | given))
    seen = [] if seen is None else seen
    database = Listening(dsn, seen, name="test", size=4, planning=BY_INDEX)
    claims = Listening(dsn, seen, name="test", size=1, planning=PLANNED_ANEW)
    sender = Sender(egress=parse_egress(LOOPBACK), resolver=FixedResolver())
    made = Running(Scheduler(settings, database, claims, KEYRING, sender, server=server))
    try:
        yield made
    finally:
        await made.end()
        await sender.close()
        await claims.close()
        await database.close()


class Receiver:
    """A target that answers when it is told to."""

    def __init__(self) -> None:
        self.attempts: list[tuple[UUID, int]] = []
        self.arrived = asyncio.Semaphore(0)
        self.go = asyncio.Event()

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        while True:
            head = (await read_request(reader)).split(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
            headers = dict(line.lower().split(": ", 1) for line in head)
            self.attempts.append((UUID(headers["webhook-id"]), int(headers["x-noonmark-attempt"])))
            self.arrived.release()
            await self.go.wait()
            writer.write(OK)
            await writer.drain()

    async def wait(self, calls: int = 1) -> None:
        async with asyncio.timeout(10):
            for _ in range(calls):
                await self.arrived.acquire()


async def hint(database: Database) -> None:
    async with database.raw() as db:
        await replicas.hint(db)


async def until(database: Database, **expected: int) -> None:
    """Until exactly so many jobs stand in these tables: the one place that polls."""
    async with asyncio.timeout(20):
        while True:
            found = await tally(database)
            if all(found.get(table, 0) == number for table, number in expected.items()):
                return
            await asyncio.sleep(0.01)
