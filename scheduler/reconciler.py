"""Making memory and table agree: after each beat, after a connection error, and when a cancel is announced.

in the table, not in memory     a claim whose answer never arrived: given back
in memory, not in the table     somebody else owns the job: its call is cut off
a cancel was requested          its call is cut off, and the job ends cancelled
"""

from collections.abc import Sequence
from uuid import UUID

from core import log, metrics
from core.db import Database
from core.jobs import store as jobs
from core.jobs.model import Fate, Held, Settled, Settlement
from scheduler.dispatcher import Dispatcher
from scheduler.fence import Fence
from scheduler.flights import Abort, Flights, Phase
from scheduler.rounds import Rounds
from scheduler.settler import settle

_log = log.get(__name__)


class Reconciler:
    """Looks at this replica's leases."""

    def __init__(
        self,
        *,
        database: Database,
        replica: UUID,
        flights: Flights,
        dispatcher: Dispatcher,
        rounds: Rounds,
        fence: Fence,
    ) -> None:
        self._database = database
        self._replica = replica
        self._flights = flights
        self._dispatcher = dispatcher
        self._rounds = rounds
        self._fence = fence

    async def once(self) -> int:
        """One comparison. Always 0: there is never a reason to look again at once."""
        async with self._rounds.claiming, self._database.raw() as db:
            before = {
                flight.lease.lease_token for flight in self._flights if flight.phase is not Phase.SETTLING
            }
            held = {lease.lease_token: lease for lease in await jobs.held(db, replica=self._replica)}
            unknown = [lease for token, lease in held.items() if token not in self._flights]
            if unknown:
                _count(await settle(db, [_returned(lease) for lease in unknown]))
        self._stop(before - held.keys(), Abort.FENCED)
        self._stop({token for token, lease in held.items() if lease.cancel_requested}, Abort.CANCELLED)
        return 0

    async def watch(self) -> int:
        """Cut off every call whose lease may be taken any moment, or may have been. Asks nobody."""
        tokens = {
            flight.lease.lease_token
            for flight in self._flights
            if flight.phase is not Phase.SETTLING and not self._fence.holds(flight.term)
        }
        if tokens:
            metrics.self_fenced.inc()
            _log.warning("fenced_itself", replica_id=str(self._replica), calls=len(tokens))
            self._stop(tokens, Abort.FENCED)
        return 0

    def _stop(self, tokens: set[UUID], why: Abort) -> None:
        for token in tokens:
            flight = self._flights.get(token)
            if flight is not None:
                self._dispatcher.abort(flight, why)


def _count(answers: Sequence[Settled]) -> None:
    """Some were settled by ourselves while we looked: those are no news."""
    returned = [answer for answer in answers if answer.fate in (Fate.RETURNED, Fate.CANCELLED)]
    metrics.returned.inc(len(returned))
    for answer in returned:
        _log.warning("unknown_lease_returned", job_id=str(answer.job_id), fate=answer.fate)


def _returned(lease: Held) -> Settlement:
    return Settlement(job_id=lease.job_id, attempt=lease.attempt, lease_token=lease.lease_token, outcome=None)
