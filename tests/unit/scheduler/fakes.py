"""Stand-ins for a dispatcher's surroundings: no database, no network, clocks the test moves."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import msgspec

from core.clock import DatabaseClock
from core.db import Database
from core.egress.urls import Url, parse_url
from core.jobs.model import HttpTarget, Lease, Settlement
from core.sealing import Keyring
from core.signing import Signer, new_secret, signer
from core.tracing.context import Context
from core.tracing.tracer import Tracer
from scheduler import delivery
from scheduler.dispatcher import Dispatcher
from scheduler.fence import Fence
from scheduler.flights import Flight, Flights, Phase
from scheduler.running import Runner
from scheduler.secrets import Secrets
from scheduler.sender.call import Call, Told
from scheduler.sender.reply import Failure, NotStarted, Reply, Response
from scheduler.sender.request import Request, header_lines
from scheduler.sender.sender import Sender
from scheduler.settler import Settler
from scheduler.tracing import Tracing
from scheduler.verdict import FailureCode

NOW = 1_800_000_000.0
"""The database's clock in these tests, epoch seconds."""

KEYRING = Keyring({"a": b"k" * 32})
SIGNER = signer(new_secret())


class FakeClock:
    """A clock that stands until it is moved."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def lease(**given: Any) -> Lease:
    """A lease due now, first attempt, unless told otherwise."""
    url = given.pop("url", "http://127.0.0.1:9/hook")
    defaults: dict[str, Any] = {
        "job_id": uuid4(),
        "attempt": 1,
        "lease_token": uuid4(),
        "tenant_id": UUID(int=1),
        "queue_id": UUID(int=2),
        "losses": 0,
        "due_at": NOW,
        "deadline_at": NOW + 35,
        "expires_at": None,
        "timeout_seconds": 30,
        "target_type": "http",
        "target": msgspec.json.encode(HttpTarget(url=url)).decode(),
        "body": b"{}",
        "sealed_headers": None,
        "success": '{"status":["2xx"]}',
        "retry": '{"max_attempts":4,"backoff":"exponential","base_seconds":30,"jitter":0.25}',
        "request_id": "test",
        "trace": None,
    }
    return Lease(**(defaults | given))


def response(status: int = 200, *headers: tuple[str, str], body: bytes = b"ok") -> Response:
    return Response(status, headers, body, truncated=False, bytes_sent=100, reused=False)


class FakeCall(Call):
    """A call that waits for an answer, or for its end."""

    def __init__(self, done: Told, answer: asyncio.Task[Any] | None = None) -> None:
        self.done = done
        self.dial = answer

    def abort(self) -> None:
        if self.dial is not None and self.dial.cancel():
            self.done(Failure(FailureCode.CONNECTION_LOST, "The call was given up.", bytes_sent=100))


class FakeSender(Sender):
    """Answers as it is told; between the guard and the answer it waits for `go`."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.reply: Reply | Exception = response()
        self.requests: list[Request] = []
        self.deadlines: list[float] = []
        self.called = asyncio.Event()
        self.go = asyncio.Event()
        self.go.set()
        self.writes = True

    def start(
        self,
        request: Request,
        *,
        deadline: float,
        done: Told,
        guard: Callable[[], bool] = lambda: True,
        writing: Callable[[int], object] = lambda _: None,
    ) -> Call:
        self.deadlines.append(deadline)
        if not guard():
            done(NotStarted())
            return FakeCall(done)
        if self.writes:
            self.requests.append(request)
            writing(100)
        self.called.set()
        return FakeCall(done, self._loop.create_task(self._answer(done)))

    async def _answer(self, done: Told) -> None:
        await self.go.wait()
        done(self.reply)


class FakeRunner(Runner):
    """Runs no code: what it is given ends as the sender would answer."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self.left: list[bool] = []
        """Of each that was cut off, whether its code might go on."""

    async def run(
        self,
        lease: Lease,
        *,
        guard: Callable[[], bool],
        begun: Callable[[], object],
        leaving: Callable[[], bool] = lambda: False,
        span: Context | None = None,
    ) -> Settlement | NotStarted:
        url = parse_url("http://127.0.0.1:9/code")
        assert isinstance(url, Url)
        told = [("webhook-id", str(lease.job_id)), ("X-Noonmark-Attempt", str(lease.attempt))]
        request = Request(lease.tenant_id, "POST", url, header_lines(told), lease.body)
        try:
            reply = await self._sender.send(request, deadline=0.0, guard=guard, writing=lambda _: begun())
        except asyncio.CancelledError:
            self.left.append(leaving())
            raise
        if isinstance(reply, NotStarted):
            return reply
        return delivery.conclude(lease, reply, now=NOW, duration=0.0)


class Ledger(Settler):
    """Remembers what it was given, and writes nothing."""

    def __init__(self, flights: Flights) -> None:
        super().__init__(nowhere(), flights, due=lambda _: None)
        self.settled: list[Settlement] = []
        self.wrote = asyncio.Event()

    def put(self, flight: Flight, settlement: Settlement) -> None:
        assert flight.phase is not Phase.SETTLING
        super().put(flight, settlement)
        self.settled.append(settlement)
        self.wrote.set()

    async def last(self) -> Settlement:
        async with asyncio.timeout(5):
            await self.wrote.wait()
        self.wrote.clear()
        return self.settled[-1]


class FakeSecrets(Secrets):
    """The same key for everybody, or an error."""

    def __init__(self) -> None:
        super().__init__(nowhere(), KEYRING)
        self.answer: Exception | None = None
        self.kept = True

    def known(self, tenant: UUID) -> tuple[Signer, ...] | None:
        return (SIGNER,) if self.kept and self.answer is None else None

    async def of(self, tenant: UUID) -> tuple[Signer, ...]:
        if self.answer is not None:
            raise self.answer
        return (SIGNER,)


def nowhere() -> Database:
    """A database that is never connected to."""
    return Database("postgresql://nobody@127.0.0.1:1/none", name="tests")


class Bench:
    """A dispatcher among fakes. Make it inside a running loop."""

    def __init__(self, *, concurrency: int = 8, tracer: Tracer | None = None) -> None:
        self.local, self.boot = FakeClock(), FakeClock()
        self.clock = DatabaseClock(self.local)
        self.clock.observe(NOW)
        self.fence = Fence(ttl_seconds=15, now=self.boot)
        self.fence.beaten(self.boot())
        self.flights = Flights(concurrency=concurrency, freed=lambda: None)
        self.ledger = Ledger(self.flights)
        self.sender = FakeSender()
        self.secrets = FakeSecrets()
        self.runner = FakeRunner(self.sender)
        self.tracing = None
        if tracer is not None:
            self.tracing = Tracing(tracer, replica="r", clock=self.clock, now=self.local)
        self.dispatcher = Dispatcher(
            flights=self.flights, sender=self.sender, settler=self.ledger, secrets=self.secrets,
            keyring=KEYRING, fence=self.fence, clock=self.clock, runner=self.runner,
            tracing=self.tracing, now=self.local,
        )  # fmt: skip

    def fly(self, **given: Any) -> Flight:
        """Hold and start one lease."""
        [flight] = self.dispatcher.hold([lease(**given)], term=self.fence.term)
        self.dispatcher.start([flight])
        return flight

    async def calling(self, **given: Any) -> Flight:
        """A flight whose call is on the wire and does not come back until `sender.go` is set."""
        self.sender.go.clear()
        flight = self.fly(**given)
        await self.sender.called.wait()
        return flight
