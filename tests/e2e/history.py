"""The judge: three independent witnesses and the record of what we broke, joined by job.

- what was promised: the jobs whose creation was acknowledged;
- the receiver's ledger: every request that reached the target;
- the database at the end, and the API's reads of the same;
- the faults: which attempts were in flight when each of them struck.

A delivery is a *duplicate* when the one before it was not answered with a failure: the receiver may have
done the work already. Each must be excused by a fault that struck while exactly that attempt was in flight,
and an attempt excuses one; or by the target itself, which hung up or took longer than its deadline. With no
fault there are none.

Judging is pure. A history in which nothing could have gone wrong is not a good one but a vacuous one, and
is a fault of its own.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from uuid import UUID

import msgspec

from tests.e2e.ledger import Arrival, Signature

FINAL = ("succeeded", "failed", "cancelled")


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """A job whose creation was acknowledged."""

    id: UUID
    path: str
    """Of its URL, without the query; no other job has it."""
    method: str
    body_sha256: str
    max_attempts: int


class Fault(msgspec.Struct, frozen=True):
    """Something we broke, and the attempts that were in flight at that instant."""

    name: str
    in_flight: frozenset[tuple[UUID, int]]
    sure: bool = True
    """Whether it was arranged to strike something; one of many, at random, may miss."""


class Attempt(msgspec.Struct, frozen=True):
    """A finished attempt, as the database tells it."""

    job_id: UUID
    number: int
    outcome: str
    lease_token: UUID
    replica_id: UUID
    bytes_sent: int
    error_code: str | None
    finished_at: datetime


class Ending(msgspec.Struct, frozen=True):
    """How a job ended, as the database tells it."""

    job_id: UUID
    state: str
    attempts: int
    error_code: str | None
    finished_at: datetime


class Database(msgspec.Struct, frozen=True, kw_only=True):
    """Everything it holds about the promised jobs."""

    fire_at: dict[UUID, float]
    """Epoch seconds, of each job that is stored."""
    places: list[tuple[UUID, str]]
    """Each row of a job in timers, ready, leases and endings, with the table's name."""
    endings: dict[UUID, Ending]
    attempts: list[Attempt]
    final_events: list[tuple[UUID, str]]
    dead_letters: set[UUID]


class History(msgspec.Struct, frozen=True, kw_only=True):
    """All the evidence."""

    promises: Sequence[Promise]
    arrivals: Sequence[Arrival]
    database: Database
    faults: Sequence[Fault] = ()
    sightings: Sequence[Ending] = ()
    """Endings that were read while the test ran."""
    reads: Mapping[UUID, str] | None = None
    """Each job's state as the API tells it at the end."""
    fenced: int = 0
    """Results that the schedulers dropped, or calls that they cut off, because they had lost the lease."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict."""

    acked: int
    delivered: int
    lost: int
    rewritten: int
    duplicates: int
    excused: int
    """Attempts in flight when a fault struck: no more duplicates than this."""
    fenced: int
    complaints: list[str]

    def __str__(self) -> str:
        return (
            f"acked {self.acked}, delivered {self.delivered}, lost {self.lost}, rewritten {self.rewritten}, "
            f"duplicates {self.duplicates} (bound {self.excused}), fenced {self.fenced}"
        )


def check(history: History) -> Report:
    """Judge it."""
    by_path: defaultdict[str, list[Arrival]] = defaultdict(list)
    for arrival in history.arrivals:
        by_path[arrival.request.path].append(arrival)
    judge = _Judge(history, by_path)
    judge.vacuity()
    judge.strangers()
    for promise in history.promises:
        judge.job(promise)
    judge.sightings()
    return judge.report()


class _Judge:
    """Collects what is wrong."""

    def __init__(self, history: History, by_path: Mapping[str, list[Arrival]]) -> None:
        self._history = history
        self._database = history.database
        self._by_path = by_path
        self._attempts: defaultdict[UUID, list[Attempt]] = defaultdict(list)
        for attempt in history.database.attempts:
            self._attempts[attempt.job_id].append(attempt)
        self._places: defaultdict[UUID, list[str]] = defaultdict(list)
        for job_id, table in history.database.places:
            self._places[job_id].append(table)
        self._finals: defaultdict[UUID, list[str]] = defaultdict(list)
        for job_id, kind in history.database.final_events:
            self._finals[job_id].append(kind)
        self._excuses: Counter[tuple[UUID, int]] = Counter()
        for fault in history.faults:
            self._excuses.update(fault.in_flight)
        self._excuses.update(
            (one.job_id, one.number) for one in history.database.attempts if one.outcome == "timed_out"
        )
        self._complaints: list[str] = []
        self._lost: set[UUID] = set()
        self._rewritten: set[UUID] = set()
        self._duplicates = 0

    def report(self) -> Report:
        paths = {promise.path for promise in self._history.promises}
        return Report(
            acked=len(self._history.promises),
            delivered=sum(1 for path in paths if any(one.succeeded for one in self._by_path.get(path, ()))),
            lost=len(self._lost),
            rewritten=len(self._rewritten),
            duplicates=self._duplicates,
            excused=sum(len(fault.in_flight) for fault in self._history.faults),
            fenced=self._history.fenced,
            complaints=self._complaints,
        )

    def vacuity(self) -> None:
        if not self._history.promises:
            self._complain("vacuous: no job was acknowledged")
        for fault in self._history.faults:
            if fault.sure and not fault.in_flight:
                self._complain(f"vacuous: nothing was in flight when we did: {fault.name}")

    def strangers(self) -> None:
        known = {promise.path for promise in self._history.promises}
        for path in self._by_path.keys() - known:
            self._complain(f"a request to {path}, which nobody asked for")

    def job(self, promise: Promise) -> None:
        arrivals = self._by_path.get(promise.path, [])
        self._kept(promise)
        self._ended(promise, arrivals)
        self._numbered(promise)
        self._same(promise, arrivals)
        self._not_early(promise, arrivals)
        self._repeated(promise, arrivals)

    def sightings(self) -> None:
        for seen in self._history.sightings:
            if self._database.endings.get(seen.job_id) != seen:
                self._rewritten.add(seen.job_id)
                self._complain(f"{seen.job_id} had ended as {seen}, and now: {self._now(seen.job_id)}")

    def _kept(self, promise: Promise) -> None:
        """Stored, in one place, ended; and every witness says the same."""
        job_id, places = promise.id, self._places[promise.id]
        if job_id not in self._database.fire_at or places != ["endings"]:
            self._lost.add(job_id)
            self._complain(f"{job_id} is lost: it stands in {places}")
            return
        state = self._database.endings[job_id].state
        if self._finals[job_id] != [state]:
            self._rewritten.add(job_id)
            self._complain(f"{job_id} is {state}, and its history has {self._finals[job_id]}")
        if self._history.reads is not None and self._history.reads.get(job_id) != state:
            self._complain(f"{job_id} is {state}, and reads {self._history.reads.get(job_id)}")
        if (state == "failed") != (job_id in self._database.dead_letters):
            self._complain(f"{job_id} is {state}, and dead letter: {job_id in self._database.dead_letters}")

    def _ended(self, promise: Promise, arrivals: list[Arrival]) -> None:
        """An ending has its evidence."""
        ending = self._database.endings.get(promise.id)
        if ending is None:
            return
        attempts = self._attempts[promise.id]
        if ending.state == "succeeded" and not any(
            one.succeeded and one.request.attempt == ending.attempts for one in arrivals
        ):
            self._complain(
                f"{promise.id} succeeded, and the target never said so to attempt {ending.attempts}"
            )
        if ending.state == "failed" and not attempts:
            self._complain(f"{promise.id} failed without an attempt")
        if ending.attempts != len(attempts):
            self._complain(
                f"{promise.id} ended after {ending.attempts} attempts, and {len(attempts)} are kept"
            )

    def _numbered(self, promise: Promise) -> None:
        """1, 2, 3 … without a gap, no more than allowed, only the last a success, each under its token."""
        attempts = sorted(self._attempts[promise.id], key=lambda one: one.number)
        numbers = [one.number for one in attempts]
        if numbers != list(range(1, len(numbers) + 1)) or len(numbers) > promise.max_attempts:
            self._complain(f"{promise.id} has the attempts {numbers} of {promise.max_attempts}")
        if any(one.outcome == "succeeded" for one in attempts[:-1]):
            self._rewritten.add(promise.id)
            self._complain(f"{promise.id} went on after a success: {[one.outcome for one in attempts]}")
        if len({one.lease_token for one in attempts}) != len(attempts):
            self._complain(f"{promise.id} has two attempts under one lease")

    def _same(self, promise: Promise, arrivals: list[Arrival]) -> None:
        """The same request each time, signed, under a rising attempt number."""
        for one in (each.request for each in arrivals):
            if one.signature is not Signature.VALID:
                self._complain(f"{promise.id} arrived with a signature that is {one.signature}")
            named = (one.message_id, one.idempotency_key, one.method, one.body_sha256)
            if named != (str(promise.id), str(promise.id), promise.method, promise.body_sha256):
                self._complain(f"{promise.id} arrived as {named}")
        numbers = [each.request.attempt for each in arrivals]
        if any(later <= earlier for earlier, later in pairwise(numbers)):
            self._complain(f"{promise.id} arrived with the attempt numbers {numbers}")

    def _not_early(self, promise: Promise, arrivals: list[Arrival]) -> None:
        fire_at = self._database.fire_at.get(promise.id)
        for one in arrivals:
            if fire_at is not None and one.request.at.wall < fire_at:
                self._complain(f"{promise.id} arrived {fire_at - one.request.at.wall:.6f} s early")

    def _repeated(self, promise: Promise, arrivals: list[Arrival]) -> None:
        for before, again in pairwise(arrivals):
            if before.status is not None and not before.succeeded:
                continue
            self._duplicates += 1
            cause = (promise.id, before.request.attempt)
            if not self._excuses[cause] and not before.dropped_on_purpose:
                self._complain(
                    f"{promise.id} was delivered again as attempt {again.request.attempt}, and no fault "
                    f"struck attempt {before.request.attempt}: {self._story(promise.id)}"
                )
            self._excuses[cause] -= 1

    def _story(self, job_id: UUID) -> list[str]:
        return [f"{one.number} {one.outcome} {one.error_code}" for one in self._attempts[job_id]]

    def _now(self, job_id: UUID) -> Ending | list[str]:
        return self._database.endings.get(job_id) or self._places[job_id]

    def _complain(self, what: str) -> None:
        self._complaints.append(what)
