"""The leases this replica holds, as its memory knows them: the book that free slots are counted in.

A lease stays here until its settlement was answered, so the table may hold less than the book, and what the
table holds beyond it was never received. Its slot comes free before, with the end of its attempt, so that a
slow write keeps no call waiting; as many results as there are slots may wait to be written, and no more.
"""

from asyncio import Task, TimerHandle
from collections.abc import Callable, Iterator
from enum import Enum, auto
from uuid import UUID

import msgspec

from core import metrics
from core.jobs.model import Lease, Needs
from core.tracing.tracer import Span
from scheduler.sender.call import Call


class Phase(Enum):
    """How far an attempt is."""

    WAITING = auto()
    """Held, and not begun."""
    CALLING = auto()
    """It has begun; a call may be on the wire."""
    SETTLING = auto()
    """Its result waits to be written."""


class Abort(Enum):
    """Why an attempt is to stop."""

    CANCELLED = auto()
    """The job's user asked for it."""
    INTERRUPTED = auto()
    """This replica shuts down."""
    FENCED = auto()
    """Somebody else owns the job, or may."""


class Traced(msgspec.Struct, frozen=True):
    """The spans of an attempt that have begun."""

    attempt: Span
    call: Span


class Flight:
    """One lease and what is being done about it."""

    __slots__ = (
        "abort", "begun", "bytes_sent", "call", "claimed", "late", "lease", "phase", "started", "task",
        "term", "timer", "trace", "written",
    )  # fmt: skip

    def __init__(self, lease: Lease, term: int) -> None:
        self.lease = lease
        self.term = term
        """The fence's term in which it was claimed."""
        self.phase = Phase.WAITING
        self.abort: Abort | None = None
        self.call: Call | None = None
        """Its request on the way, if it has one."""
        self.task: Task[None] | None = None
        """Only what has something else to wait for has a task: code, or a signing key to load."""
        self.timer: TimerHandle | None = None
        self.claimed = 0.0
        self.started = 0.0
        self.written = 0.0
        """When its first byte was handed to the socket, if it was."""
        self.late = 0.0
        """Seconds from due to the start."""
        self.bytes_sent = 0
        self.begun = False
        """Whether its code may have been started."""
        self.trace: Traced | None = None
        """None for most: its trace is not recorded."""


class Flights:
    """All of them, by lease token. ``freed`` is called when a slot comes free."""

    def __init__(self, *, concurrency: int, freed: Callable[[], object], code_concurrency: int = 0) -> None:
        """``code_concurrency`` is how many of them may run code."""
        self._concurrency = concurrency
        self._code_concurrency = code_concurrency
        self._code = 0
        self._settling = 0
        self._freed = freed
        self._flights: dict[UUID, Flight] = {}
        metrics.in_flight.set_function(self._open)
        metrics.slots.set(concurrency)

    def __len__(self) -> int:
        return len(self._flights)

    def __iter__(self) -> Iterator[Flight]:
        return iter(list(self._flights.values()))

    def __contains__(self, token: object) -> bool:
        return token in self._flights

    def free(self) -> int:
        """Slots that nothing holds; none while too much waits to be written."""
        return self._concurrency - self._open() if self._settling < self._concurrency else 0

    def _open(self) -> int:
        """Those whose attempt has not ended."""
        return len(self._flights) - self._settling

    def free_for_code(self) -> int:
        """Slots in which code may be run."""
        return min(self.free(), self._code_concurrency - self._code)

    def add(self, lease: Lease, *, term: int) -> Flight:
        flight = self._flights[lease.lease_token] = Flight(lease, term)
        self._code += lease.needs != Needs.HTTP
        return flight

    def settles(self, flight: Flight) -> None:
        """Its attempt has ended; what came of it is about to be written."""
        full = self.free() <= 0
        flight.phase = Phase.SETTLING
        self._settling += 1
        if full:
            self._freed()

    def get(self, token: UUID) -> Flight | None:
        return self._flights.get(token)

    def remove(self, token: UUID) -> None:
        flight = self._flights.pop(token, None)
        if flight is not None:
            self._settling -= flight.phase is Phase.SETTLING
            self._code -= flight.lease.needs != Needs.HTTP
            self._freed()
