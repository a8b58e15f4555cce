"""One replica's parts on a real database, moved by hand: no loop runs, so every step is the test's own."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID, uuid4

from core.clock import DatabaseClock, boottime
from core.db import Database, Raw
from core.jobs import store as jobs
from core.jobs.model import Needs
from core.replicas import store as replicas
from core.replicas.store import Replica
from scheduler.dispatcher import Dispatcher
from scheduler.fence import Fence
from scheduler.flights import Flights
from scheduler.reconciler import Reconciler
from scheduler.rounds import Rounds
from scheduler.secrets import Secrets
from scheduler.sender.sender import Sender
from scheduler.settler import Settler
from tests.jobs import Tenant, new_job
from tests.sent import headers_of
from tests.unit.scheduler.fakes import KEYRING, FakeRunner, FakeSender

TTL = 15.0


class Rig:
    """Make it inside a running loop, then `beat`."""

    def __init__(
        self,
        database: Database,
        *,
        concurrency: int = 64,
        sender: Sender | None = None,
        local: Callable[[], float] | None = None,
        resting: Callable[[], float] = time.monotonic,
        offers: Sequence[int] = (Needs.HTTP,),
        code_concurrency: int | None = None,
    ) -> None:
        """`resting` is the clock by which rounds remember what gave nothing."""
        self.database = database
        self.replica = Replica(uuid4(), concurrency, "test", offers)
        self.sender = FakeSender()
        self.due: list[float] = []
        loop = asyncio.get_running_loop()
        now = local or loop.time
        self.fence = Fence(ttl_seconds=TTL)
        self.clock = DatabaseClock(now)
        self.flights = Flights(
            concurrency=concurrency,
            freed=lambda: None,
            code_concurrency=concurrency if code_concurrency is None else code_concurrency,
        )
        self.settler = Settler(database, self.flights, due=self.due.append, now=now)
        self.secrets = Secrets(database, KEYRING)
        self.dispatcher = Dispatcher(
            flights=self.flights, sender=sender or self.sender, settler=self.settler, secrets=self.secrets,
            keyring=KEYRING, fence=self.fence, clock=self.clock, runner=FakeRunner(sender or self.sender),
            now=now,
        )  # fmt: skip
        self.rounds = Rounds(
            database=database, replica=self.replica.id, flights=self.flights, dispatcher=self.dispatcher,
            secrets=self.secrets, fence=self.fence, clock=self.clock, offers=offers, now=resting,
        )  # fmt: skip
        self.reconciler = Reconciler(
            database=database, replica=self.replica.id, flights=self.flights, dispatcher=self.dispatcher,
            rounds=self.rounds, fence=self.fence,
        )  # fmt: skip
        self._put = asyncio.Event()
        self.settler.wake = self._put.set

    async def beat(self) -> None:
        """As the heartbeat does it."""
        sent_at = boottime()
        async with self.database.raw() as db:
            await replicas.beat(db, self.replica, ttl_seconds=TTL, draining=False)
        self.fence.beaten(sent_at)

    async def settle(self) -> None:
        """Write results until no lease is held."""
        async with asyncio.timeout(20):
            while len(self.flights):
                await self.put()
                await self.settler.once()

    async def put(self) -> None:
        """Until a result waits to be written."""
        async with asyncio.timeout(10):
            while not len(self.settler):
                self._put.clear()
                await self._put.wait()

    async def work(self) -> int:
        """Rounds and settlements until a round moves nothing; how many were moved."""
        total = 0
        while moved := await self.rounds.once():
            total += moved
            await self.settle()
        return total

    def sent(self) -> list[UUID]:
        """The jobs that were called, in order."""
        ids = [dict(headers_of(request))["webhook-id"] for request in self.sender.requests]
        return [UUID(job_id) for job_id in ids]


async def rig(database: Database, **given: Any) -> Rig:
    """A replica that has beaten."""
    made = Rig(database, **given)
    await made.beat()
    return made


async def add(database: Database, tenant: Tenant, count: int = 1, **given: Any) -> list[UUID]:
    """So many new jobs."""
    made = [new_job(tenant, **given) for _ in range(count)]
    async with database.raw() as db:
        await jobs.create(db, made)
    return [job.id for job in made]


async def count(db: Raw, table: str) -> int:
    found: int = await db.fetchval(f"SELECT count(*) FROM {table}")
    return found


async def tally(database: Database) -> dict[str, int]:
    """How many jobs stand in each table, those with none left out."""
    async with database.raw() as db:
        found = {table: await count(db, table) for table in ("timers", "ready", "leases", "endings")}
    return {table: number for table, number in found.items() if number}
