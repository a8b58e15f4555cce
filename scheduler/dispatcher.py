"""Starting each held lease at its instant, and stopping it when it must stop.

    held ──(due)──► keys, request ──guard──► sender ──► conclude ──► settler
      │                                        │
      └── abort before the start: given back   └── abort during the call: the call is cut off

A call is driven by its connection's callbacks. An attempt has a task only if there is something else to wait
for: code that runs, or a signing key that has to be loaded.

The guard is asked right before a dial and right before the write: a fenced replica starts no call, and
neither does a cancelled job. Nothing here waits for the database while a target is being called. Every
flight ends in the settler, whose fence alone decides whether its lease was still ours.
"""

import asyncio
import math
import time
from collections.abc import Callable, Sequence

from core import log, metrics
from core.clock import Clock, DatabaseClock
from core.db import is_transient
from core.jobs.model import Lease, Needs, Outcome, Settlement
from core.sealing import Keyring
from core.signing import Signer
from core.tenants.store import header_context
from scheduler import delivery
from scheduler.fence import Fence
from scheduler.flights import Abort, Flight, Flights, Phase
from scheduler.running import Runner
from scheduler.secrets import Secrets
from scheduler.sender.reply import Failure, NotStarted, Reply
from scheduler.sender.request import Request
from scheduler.sender.sender import Sender
from scheduler.settler import Settler
from scheduler.tracing import Tracing, called
from scheduler.verdict import Verdict

# So many attempts begin before the loop looks at its sockets again: answers are read, and settled, while the
# rest of a claim is still being sent. All at once, calling and settling would take turns instead.
_SLICE = 32

_log = log.get(__name__)


class Dispatcher:
    """Owns every flight from the claim to its settlement."""

    def __init__(
        self,
        *,
        flights: Flights,
        sender: Sender,
        settler: Settler,
        secrets: Secrets,
        keyring: Keyring,
        fence: Fence,
        clock: DatabaseClock,
        runner: Runner,
        tracing: Tracing | None = None,
        now: Clock = time.monotonic,
    ) -> None:
        self._flights = flights
        self._runner = runner
        self._sender = sender
        self._settler = settler
        self._secrets = secrets
        self._keyring = keyring
        self._fence = fence
        self._clock = clock
        self._tracing = tracing
        self._now = now
        self._loop = asyncio.get_running_loop()

    def hold(self, leases: Sequence[Lease], *, term: int) -> list[Flight]:
        """Enter leases into the book at once, before anything is awaited."""
        flights = [self._flights.add(lease, term=term) for lease in leases]
        now = self._now()
        for flight in flights:
            flight.claimed = now
        return flights

    def start(self, flights: Sequence[Flight]) -> None:
        """Begin each when the database's clock has certainly reached its due instant."""
        for flight in flights[:_SLICE]:
            self._arm(flight)
        if len(flights) > _SLICE:
            self._loop.call_soon(self.start, flights[_SLICE:])

    def abort(self, flight: Flight, why: Abort) -> None:
        """Stop an attempt: give it back if it has not begun, cut its call off if it has."""
        if flight.phase is Phase.SETTLING or flight.abort is not None:
            return
        flight.abort = why
        if flight.call is not None:
            flight.call.abort()
            return
        if flight.phase is Phase.CALLING and flight.task is not None:
            flight.task.cancel()
            return
        if flight.timer is not None:
            flight.timer.cancel()
        self._settler.put(flight, self._unused(flight))

    def give_back_waiting(self) -> int:
        """Return every lease whose attempt has not begun; how many."""
        waiting = [flight for flight in self._flights if flight.phase is Phase.WAITING]
        for flight in waiting:
            self.abort(flight, Abort.INTERRUPTED)
        return len(waiting)

    def _arm(self, flight: Flight) -> None:
        if flight.phase is not Phase.WAITING:
            return
        early = self._clock.local(flight.lease.due_at) - self._now()
        if early > 0:
            # The loop's timers count whole milliseconds: round up, never fire early.
            flight.timer = self._loop.call_later(math.ceil(early * 1000) / 1000, self._arm, flight)
            return
        flight.timer = None
        keys = self._secrets.known(flight.lease.tenant_id) if flight.lease.needs == Needs.HTTP else None
        if keys is None:
            flight.task = self._loop.create_task(self._awaited(flight))
        else:
            self._guarded(flight, lambda: self._begin(flight) or self._send(flight, keys))

    def _guarded(self, flight: Flight, step: Callable[[], Settlement | None]) -> None:
        """Take a step of an attempt that is not over; settle it if that was its last one, or broke."""
        if flight.phase is Phase.SETTLING:
            return
        try:
            settlement = step()
        except Exception:
            settlement = self._broken(flight)
        if settlement is not None:
            flight.call = None
            self._settler.put(flight, settlement)

    async def _awaited(self, flight: Flight) -> None:
        """An attempt that has more to wait for than its call."""
        if flight.phase is not Phase.WAITING:
            return
        try:
            settlement = self._begin(flight) or await self._ran_or_sent(flight)
        except asyncio.CancelledError:
            settlement = self._aborted(flight)
        except Exception:
            settlement = self._broken(flight)
        flight.task = None
        if settlement is not None:
            self._settler.put(flight, settlement)

    def _begin(self, flight: Flight) -> Settlement | None:
        """From here on there is something to cut off. The settlement of what is not to be done at all."""
        lease = flight.lease
        flight.phase = Phase.CALLING
        flight.started = self._now()
        now = self._clock.now()
        flight.late = late = now - lease.due_at
        metrics.lateness.observe(max(0.0, late))
        if self._tracing is not None and lease.trace is not None:
            self._tracing.begin(flight)
        if lease.expires_at is not None and lease.expires_at <= now:
            verdict = Verdict(Outcome.BLOCKED, code="expired", message="The job expired before it was sent.")
            return delivery.ended(lease, Outcome.BLOCKED, now=now, verdict=verdict)
        return None

    async def _ran_or_sent(self, flight: Flight) -> Settlement | None:
        if flight.lease.needs != Needs.HTTP:
            return await self._ran(flight)
        keys = await self._keys(flight.lease)
        return self._unused(flight) if keys is None else self._send(flight, keys)

    def _send(self, flight: Flight, keys: Sequence[Signer]) -> Settlement | None:
        """Begin the call. The settlement of what cannot be sent."""
        lease, now = flight.lease, self._clock.now()
        request = self._prepared(flight, keys, now)
        if isinstance(request, Failure):
            return self._concluded(flight, request)
        call = self._sender.start(
            request,
            deadline=self._loop.time() + min(lease.timeout_seconds, lease.deadline_at - now),
            guard=lambda: self._may_start(flight),
            writing=lambda size: self._writes(flight, size),
            done=lambda reply: self._guarded(flight, lambda: self._concluded(flight, reply)),
        )
        if flight.phase is Phase.CALLING:
            flight.call = call
        return None

    def _concluded(self, flight: Flight, reply: Reply | BaseException) -> Settlement:
        if flight.abort is not None:
            return self._aborted(flight)
        if isinstance(reply, BaseException):
            raise reply
        if isinstance(reply, NotStarted):
            return self._unused(flight)
        duration = self._now() - flight.started
        return delivery.conclude(flight.lease, reply, now=self._clock.now(), duration=duration)

    def _prepared(self, flight: Flight, keys: Sequence[Signer], now: float) -> Request | Failure:
        lease, traced = flight.lease, flight.trace
        secret = self._opened(lease)
        if traced is None:
            return delivery.prepare(lease, keys, secret_headers=secret, timestamp=now)
        span = traced.call.context
        request = delivery.prepare(lease, keys, secret_headers=secret, timestamp=now, span=span)
        if isinstance(request, Request):
            called(traced, request)
        return request

    async def _ran(self, flight: Flight) -> Settlement:
        """An attempt of code."""
        ran = await self._runner.run(
            flight.lease,
            guard=lambda: self._may_start(flight),
            begun=lambda: setattr(flight, "begun", True),
            leaving=lambda: flight.abort in (Abort.INTERRUPTED, Abort.FENCED),
            span=flight.trace.call.context if flight.trace is not None else None,
        )
        return self._unused(flight) if isinstance(ran, NotStarted) else ran

    def _writes(self, flight: Flight, size: int) -> None:
        """Right before the first byte."""
        flight.bytes_sent = size
        flight.written = self._now()

    async def _keys(self, lease: Lease) -> tuple[Signer, ...] | None:
        """The keys to sign with; none while the database cannot be asked for them."""
        try:
            return await self._secrets.of(lease.tenant_id)
        except Exception as error:
            if not is_transient(error):
                raise
            return None

    def _may_start(self, flight: Flight) -> bool:
        return flight.abort is None and self._fence.holds(flight.term)

    def _opened(self, lease: Lease) -> bytes | None:
        if lease.sealed_headers is None:
            return None
        return self._keyring.open(lease.sealed_headers, context=header_context(lease.tenant_id))

    def _unused(self, flight: Flight) -> Settlement:
        """Give the lease back: no attempt is burnt. One whose cancel was requested ends cancelled."""
        lease = flight.lease
        flight.started = flight.started or self._now()
        return Settlement(
            job_id=lease.job_id, attempt=lease.attempt, lease_token=lease.lease_token, outcome=None,
            error_code="cancelled" if flight.abort is Abort.CANCELLED else None,
        )  # fmt: skip

    def _aborted(self, flight: Flight) -> Settlement:
        """What a cut-off call is settled as. If the job is somebody else's by now, the fence drops it."""
        lease, now, duration = flight.lease, self._clock.now(), self._now() - flight.started
        if flight.abort is Abort.CANCELLED:
            message = f"The attempt was aborted on request; {_said(flight)}."
            verdict = Verdict(Outcome.CANCELLED, code="cancelled", message=message)
            return delivery.ended(
                lease, Outcome.CANCELLED, now=now, verdict=verdict, duration=duration,
                bytes_sent=flight.bytes_sent,
            )  # fmt: skip
        if not (flight.bytes_sent or flight.begun):
            return self._unused(flight)
        metrics.possible_duplicates.inc()
        why = "shut down" if flight.abort is Abort.INTERRUPTED else "lost touch with the database"
        message = f"The replica {why} during the attempt; {_said(flight)}."
        return delivery.interrupted(
            lease, message=message, now=now, bytes_sent=flight.bytes_sent, duration=duration
        )

    def _broken(self, flight: Flight) -> Settlement:
        """Our own fault, not the target's: try again by the policy. Called where the error was caught."""
        _log.exception("attempt_broke", job_id=str(flight.lease.job_id), attempt=flight.lease.attempt)
        verdict = Verdict(
            Outcome.FAILED,
            retry=True,
            code="internal_error",
            message=f"The scheduler broke off; {_said(flight)}.",
        )
        return delivery.ended(
            flight.lease, Outcome.FAILED, now=self._clock.now(), verdict=verdict, bytes_sent=flight.bytes_sent
        )


def _said(flight: Flight) -> str:
    """How far it was, for an error's message."""
    if flight.lease.needs == Needs.HTTP:
        return delivery.said(flight.bytes_sent)
    return "its code had been started, and was stopped" if flight.begun else "its code had not been started"
