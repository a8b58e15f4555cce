"""The spans of an attempt, all of them put together from instants that its flight keeps anyway.

    API request (its span stands in the job)
      └── attempt            from due, or from the claim if that was ahead, to the written result
            ├── claim        from due to the claim: planning, and waiting for a slot
            ├── dispatch     from the claim to the start
            ├── POST         the call; its id is what the target gets as `traceparent`
            └── settle       from the result to the database's answer

Only jobs whose creating request was sampled have spans. They tell of hosts, numbers and outcomes: never of a
path, a query, a header, a body, or what a target said.
"""

import time

from core import metrics
from core.clock import Clock, DatabaseClock
from core.jobs.model import Lease, Needs, Outcome, Settled, Settlement
from core.tracing.context import Context, stored
from core.tracing.tracer import Attributes, Kind, Tracer
from scheduler.flights import Flight, Traced
from scheduler.sender.request import Request


class Tracing:
    """Begins and ends the spans of this replica's attempts."""

    def __init__(
        self, tracer: Tracer, *, replica: str, clock: DatabaseClock, now: Clock = time.monotonic
    ) -> None:
        self._tracer = tracer
        self._replica = replica
        self._clock = clock
        self._now = now

    def begin(self, flight: Flight) -> None:
        """The attempt's spans, if its job's trace is recorded; asked when it starts."""
        lease = flight.lease
        parent = stored(lease.trace)
        if parent is None or not parent.sampled:
            return
        began = min(lease.due_at, self._at(flight.claimed))
        attempt = self._tracer.begin("attempt", parent=parent, at=began, attributes=self._told(lease))
        if attempt is None:
            return
        kind = Kind.CLIENT if lease.needs == Needs.HTTP else Kind.INTERNAL
        call = self._tracer.begin("call", kind=kind, parent=attempt.context, at=self._at(flight.started))
        if call is None:
            return
        flight.trace = Traced(attempt, call)
        late = max(0.0, self._at(flight.started) - lease.due_at)
        metrics.lateness.exemplify(late, parent.trace_id)

    def settled(self, flight: Flight, settlement: Settlement, answer: Settled) -> None:
        """End them: what came of the attempt is written."""
        if flight.trace is None:
            return
        attempt, call = flight.trace.attempt, flight.trace.call
        claimed, started = self._at(flight.claimed), self._at(flight.started)
        over, now = started + settlement.duration, self._clock.now()
        failed = (
            None if settlement.outcome in (Outcome.SUCCEEDED, None) else settlement.error_code or "failed"
        )
        if settlement.status is not None and flight.lease.needs == Needs.HTTP:
            call.tell({"http.response.status_code": settlement.status})
        call.end(at=over, failed=failed)
        self._between("claim", attempt.context, flight.lease.due_at, claimed)
        self._between("dispatch", attempt.context, claimed, started)
        self._between("settle", attempt.context, over, now)
        outcome = settlement.outcome or "none"
        attempt.tell({"noonmark.outcome": str(outcome), "noonmark.fate": str(answer.fate)})
        attempt.end(at=now, failed=failed)
        if settlement.outcome is not None:
            metrics.duration.exemplify(settlement.duration, attempt.context.trace_id)
        if flight.written:
            late = max(0.0, flight.late + flight.written - flight.started)
            metrics.first_byte.exemplify(late, attempt.context.trace_id)

    def _between(self, name: str, parent: Context, since: float, until: float) -> None:
        if until > since and (span := self._tracer.begin(name, parent=parent, at=since)) is not None:
            span.end(at=until)

    def _told(self, lease: Lease) -> Attributes:
        return {
            "noonmark.job.id": str(lease.job_id),
            "noonmark.attempt": lease.attempt,
            "noonmark.replica.id": self._replica,
            "noonmark.target.type": lease.target_type,
            "noonmark.request.id": f"{lease.request_id}-{lease.attempt}",
        }

    def _at(self, local: float) -> float:
        """An instant of the local clock, in epoch seconds by the database's."""
        return self._clock.now() - (self._now() - local)


def called(traced: Traced, request: Request) -> None:
    """What the call is, once that is known."""
    url = request.url
    told: Attributes = {
        "http.request.method": request.method,
        "server.address": url.host,
        "server.port": url.port,
        "url.scheme": url.scheme,
    }
    traced.call.tell(told, name=request.method)
