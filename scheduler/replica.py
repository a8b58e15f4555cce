"""One replica: its parts, wired, and the order in which they start and stop.

Stopping loses nothing and repeats nothing it need not:

1. say with a beat that this replica drains, and claim no more;
2. give back what was claimed and not begun;
3. let the calls in flight finish within the drain window, then cut off the rest;
4. write every result, leave the replicas table, close.
"""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from uuid import UUID, uuid4

from core import log
from core.capabilities import ALL, Capabilities
from core.clock import DatabaseClock
from core.db import BY_INDEX, PLANNED_ANEW, Database
from core.egress.guard import parse_egress
from core.jobs.model import Needs
from core.loop import Loop
from core.replicas import store as replicas
from core.replicas.store import Replica
from core.sealing import Keyring
from core.settings import Settings
from core.storage.service import open_storage, require
from core.tracing.tracer import Tracer
from scheduler import offering
from scheduler.appending import INTERVAL_SECONDS
from scheduler.bringing import bring
from scheduler.dispatcher import Dispatcher
from scheduler.fence import Fence
from scheduler.flights import Abort, Flights
from scheduler.heartbeat import Heartbeat, Pulse
from scheduler.hints import Hints
from scheduler.inviting import Invitations
from scheduler.keeping import Keeper
from scheduler.publishing import Publisher
from scheduler.reconciler import Reconciler
from scheduler.rounds import Rounds
from scheduler.running import Runner
from scheduler.runtimes.function import FunctionRuntime
from scheduler.runtimes.runtime import Order, Runtime
from scheduler.secrets import Secrets
from scheduler.sender.sender import Sender, open_sender
from scheduler.settler import Settler
from scheduler.shipping import Shipper
from scheduler.sweeper import Sweeper
from scheduler.telling import Heard, Teller
from scheduler.tracing import Tracing

_LAST_WRITES_SECONDS = 20.0
_LAST_PASS_SECONDS = 5.0
_LEAVE_SECONDS = 3.0
_SWEEP_SECONDS = 10.0
_PUBLISH_SECONDS = 3600.0
_NAME = "noonmark-scheduler"
_MIB = 1024 * 1024

_log = log.get(__name__)


class Scheduler:
    """Built inside a running loop; ``run`` it once."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        claims: Database,
        keyring: Keyring,
        sender: Sender,
        *,
        id: UUID | None = None,
        runtimes: Mapping[Needs, Runtime] | None = None,
        clock: DatabaseClock | None = None,
        teller: Teller | None = None,
        tracer: Tracer | None = None,
        server: Capabilities = ALL,
    ) -> None:
        """``claims`` is the same database, for the statements that look for work; ``teller`` is where the
        runtimes tell what happens."""
        runtimes = runtimes or {}
        offers = (Needs.HTTP, *runtimes)
        self._settings = settings
        self._database = database
        self.replica = Replica(id or uuid4(), settings.concurrency, socket.gethostname(), offers)
        self.fence = Fence(ttl_seconds=settings.lease_ttl_seconds)
        clock = DatabaseClock(time.monotonic) if clock is None else clock
        secrets = Secrets(database, keyring)
        self.flights = Flights(
            concurrency=settings.concurrency, freed=self._look, code_concurrency=settings.code_concurrency
        )
        self._shipper = Shipper(database, now=clock.now)
        self._teller = Teller(database, now=clock.now) if teller is None else teller
        runner = Runner(
            runtimes=runtimes, root=partial(offering.root, settings), printing=self._heard,
            keeping=_keeper(settings, database), bringing=partial(bring, open_storage(settings)),
            keyring=keyring, clock=clock, invitations=Invitations(keyring, settings.public_url),
            owner={needs: offering.owner(settings, needs) for needs in runtimes}.get,
            most_bytes=settings.output_mb * 1024 * 1024,
        )  # fmt: skip
        self.settler = Settler(database, self.flights, due=self._due)
        tracing = Tracing(tracer, replica=str(self.replica.id), clock=clock) if tracer is not None else None
        if tracing is not None:
            self.settler.traced = tracing.settled
        self.dispatcher = Dispatcher(
            flights=self.flights, sender=sender, settler=self.settler, secrets=secrets, keyring=keyring,
            fence=self.fence, clock=clock, runner=runner, tracing=tracing,
        )  # fmt: skip
        self.rounds = Rounds(
            database=claims, replica=self.replica.id, flights=self.flights, dispatcher=self.dispatcher,
            secrets=secrets, fence=self.fence, clock=clock, offers=offers,
        )  # fmt: skip
        self.reconciler = Reconciler(
            database=database, replica=self.replica.id, flights=self.flights, dispatcher=self.dispatcher,
            rounds=self.rounds, fence=self.fence,
        )  # fmt: skip
        self._clock = clock
        self._pulse = Pulse()
        self._claim_loop = Loop(self.rounds.once, name="rounds", interval=self.rounds.pause)
        self._settle_loop = Loop(self.settler.once, name="settler", interval=5.0)
        self._agree_loop = Loop(self.reconciler.once, name="reconciler", interval=3 * settings.beat_seconds)
        self._watch_loop = Loop(self.reconciler.watch, name="fence", interval=0.25)
        self._pulse_loop = Loop(self._pulse.once, name="pulse", interval=0.25)
        self.settler.wake = self._settle_loop.wake
        self._ship_loop = Loop(self._shipper.once, name="shipper", interval=INTERVAL_SECONDS)
        self._shipper.wake = self._ship_loop.wake
        self._tell_loop = Loop(self._teller.once, name="teller", interval=INTERVAL_SECONDS)
        self._teller.wake = self._tell_loop.wake
        self._sweeper = Sweeper(database, tuple(runtimes.values()))
        self._sweep_loop = Loop(self._sweeper.once, name="sweeper", interval=_SWEEP_SECONDS)
        functions = runtimes.get(Needs.FUNCTION)
        self._publisher = Publisher(database, functions if isinstance(functions, FunctionRuntime) else None)
        self._publish_loop = Loop(self._publisher.once, name="publisher", interval=_PUBLISH_SECONDS)
        self._runs_code = bool(runtimes)
        self._listens = server.notify
        self._hints = Hints(
            database, self.replica.id, work=self._claim_loop.wake, cancel=self._agree_loop.wake
        )
        self._hint_loop = Loop(self._hints.once, name="hints", interval=1.0)

    async def run(self, stop: asyncio.Event, hurry: asyncio.Event) -> None:
        """Work until ``stop``, then drain; ``hurry`` ends the drain window early."""
        loop = asyncio.get_running_loop()
        heartbeat = self._heartbeat(lambda: loop.call_soon_threadsafe(self._beaten))
        over = asyncio.Event()
        lasting = [self._settle_loop, self._agree_loop, self._watch_loop, self._pulse_loop]
        if self._runs_code:
            lasting += [self._ship_loop, self._tell_loop, self._sweep_loop, self._publish_loop]
        background = [asyncio.ensure_future(each.run(over)) for each in lasting]
        takers = [self._claim_loop, self._hint_loop] if self._listens else [self._claim_loop]
        taking = [asyncio.ensure_future(each.run(stop)) for each in takers]
        heartbeat.start()
        _log.info("replica_started", replica_id=str(self.replica.id), concurrency=self.replica.concurrency)
        try:
            await stop.wait()
            heartbeat.drain()
            await _ended(taking)
            await self._drain(hurry)
        finally:
            over.set()
            await _ended(background)
            await asyncio.to_thread(heartbeat.stop)
            await self._leave()

    async def beats(self) -> bool:
        """Whether this replica may act: the readiness check."""
        return self.fence.alive()

    def _heartbeat(self, beaten: Callable[[], object]) -> Heartbeat:
        return Heartbeat(
            self._database, self.replica, self.fence, self._pulse, beaten=beaten,
            ttl_seconds=self._settings.lease_ttl_seconds, beat_seconds=self._settings.beat_seconds,
        )  # fmt: skip

    def _heard(self, order: Order) -> Heard:
        return Heard(self._shipper.open(order), self._teller.open(order))

    def _beaten(self) -> None:
        self._agree_loop.wake()

    def _look(self) -> None:
        self._claim_loop.wake()

    def _due(self, instant: float) -> None:
        """A job we settled is due again at this instant: look in time for it."""
        early = self._clock.local(instant) - time.monotonic()
        if early < 2.0:
            asyncio.get_running_loop().call_later(max(0.0, early - 0.5), self._look)

    async def _drain(self, hurry: asyncio.Event) -> None:
        """Steps 2 to 4 of stopping."""
        given_back = self.dispatcher.give_back_waiting()
        _log.info(
            "draining", replica_id=str(self.replica.id), given_back=given_back, in_flight=len(self.flights)
        )
        await self._until(self._empty, self._settings.drain_seconds, hurry)
        for flight in self.flights:
            self.dispatcher.abort(flight, Abort.INTERRUPTED)
        await self._until(self._empty, _LAST_WRITES_SECONDS, asyncio.Event())
        _log.info("drained", replica_id=str(self.replica.id), unwritten=len(self.flights))

    async def _empty(self) -> bool:
        return len(self.flights) == 0

    async def _until(self, done: Callable[[], Awaitable[bool]], seconds: float, hurry: asyncio.Event) -> None:
        """Wait until it is done, the time is over or somebody hurries us."""
        end = time.monotonic() + seconds
        while not await done() and time.monotonic() < end and not hurry.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    await hurry.wait()

    async def _leave(self) -> None:
        await self._hints.close()
        try:
            async with asyncio.timeout(_LEAVE_SECONDS), self._database.raw() as db:
                await replicas.leave(db, self.replica.id)
        except Exception as error:
            _log.warning("could_not_leave", replica_id=str(self.replica.id), error=repr(error))


async def _ended(loops: list[asyncio.Task[None]]) -> None:
    """Let them finish the pass they are in; one that waits for a silent database is cut off."""
    done, late = await asyncio.wait(loops, timeout=_LAST_PASS_SECONDS)
    for loop in late:
        loop.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    for loop in done:
        loop.result()


def _keeper(settings: Settings, database: Database) -> Keeper:
    return Keeper(
        database,
        open_storage(settings),
        largest=settings.artifact_mb * _MIB,
        quota=settings.artifact_quota_mb * _MIB,
    )


@contextlib.asynccontextmanager
async def opened(
    settings: Settings, keyring: Keyring, server: Capabilities, tracer: Tracer | None = None
) -> AsyncIterator[Scheduler]:
    """A replica with the sender of production and its ways to the database."""
    database = Database(settings.database_url, name=_NAME, size=4, planning=BY_INDEX)
    claims = Database(settings.database_url, name=_NAME, size=1, planning=PLANNED_ANEW)
    clock = DatabaseClock(time.monotonic)
    teller = Teller(database, now=clock.now)
    try:
        id = uuid4()
        if settings.runtimes:
            await require(open_storage(settings), settings)
        async with (
            offering.offered(settings, id, database, events=teller) as runtimes,
            open_sender(parse_egress(settings.egress_allow), concurrency=settings.concurrency) as sender,
        ):
            yield Scheduler(
                settings, database, claims, keyring, sender, id=id, runtimes=runtimes, clock=clock,
                teller=teller, tracer=tracer, server=server,
            )  # fmt: skip
    finally:
        await claims.close()
        await database.close()
