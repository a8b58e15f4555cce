"""How a round's slots are shared out: tenants first, then each tenant's lanes. Pure.

Slots are dealt like cards: one to each tenant in turn, and a tenant deals its own to its lanes in turn. The
deal goes on in the next round where it stopped in the last one. So every tenant with due work gets an equal
share, whatever its backlog, and with more tenants than slots nobody waits for more than one time around.

Those who were seen and got no slot keep their seats at the table for the next round, which need not look for
them again.
"""

from collections.abc import Mapping, Sequence
from itertools import islice
from uuid import UUID

from core.jobs.model import Lane

Seats = Mapping[UUID, Sequence[Lane]]
"""Each tenant's lanes, in the order in which they are served."""


class Table:
    """Who was seen and has not been served since."""

    def __init__(self) -> None:
        self._seats: dict[UUID, list[Lane]] = {}
        self._dealt = 0
        self._time_around = 0

    def __len__(self) -> int:
        """How many tenants wait."""
        return len(self._seats)

    def begin_around(self) -> None:
        """The next to be seated are the first again."""
        self._time_around += 1

    def seat(self, lanes: Sequence[Lane]) -> None:
        """Behind those who wait already."""
        if not self._seats:
            self._seats = seated(lanes)
            return
        for tenant, more in seated(lanes).items():
            own = self._seats.setdefault(tenant, [])
            own += [lane for lane in more if lane not in own]

    def leave(self) -> Lane | None:
        """Everybody goes; the lane that would have been served next, if any."""
        first = next((lanes[0] for lanes in self._seats.values()), None)
        self._seats = {}
        return first

    def deal(self, slots: int) -> dict[Lane, int]:
        """Slots for each lane that gets any. Whose tenant gets one leaves the table."""
        if len(self._seats) <= slots:
            quotas = dealt(self._seats, slots, start=self._dealt)
            self._dealt += slots
            self._seats = {}
            return quotas
        served = [self._seats.pop(tenant) for tenant in list(islice(self._seats, slots))]
        return {lanes[self._time_around % len(lanes)]: 1 for lanes in served}


def seated(lanes: Sequence[Lane]) -> dict[UUID, list[Lane]]:
    """In the order of the lanes."""
    seats: dict[UUID, list[Lane]] = {}
    for lane in lanes:
        seats.setdefault(lane.tenant_id, []).append(lane)
    return seats


def share(lanes: Sequence[Lane], slots: int, *, start: int) -> dict[Lane, int]:
    """Slots for each lane that gets any; ``start`` is how many have been dealt before."""
    return dealt(seated(lanes), slots, start=start)


def dealt(seats: Seats, slots: int, *, start: int) -> dict[Lane, int]:
    """The same, for who is seated already."""
    quotas: dict[Lane, int] = {}
    for seat, own in enumerate(seats.values()):
        had, has = _cards(start, seat, len(seats)), _cards(start + slots, seat, len(seats))
        for place, lane in enumerate(own):
            if got := _cards(has, place, len(own)) - _cards(had, place, len(own)):
                quotas[lane] = got
    return quotas


def _cards(cards: int, seat: int, players: int) -> int:
    """How many of the first ``cards`` go to a seat when they are dealt one by one around the table."""
    return (cards - seat + players - 1) // players
