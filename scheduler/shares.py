"""How a round's slots are shared out: tenants first, then each tenant's queues. Pure.

Slots are dealt like cards: one to each tenant in turn, and a tenant deals its own to its queues in turn. The
deal goes on in the next round where it stopped in the last one. So every tenant with due work gets an equal
share, whatever its backlog, and with more tenants than slots nobody waits for more than one time around.
"""

from collections.abc import Sequence
from uuid import UUID

from core.jobs.model import Lane


def share(lanes: Sequence[Lane], slots: int, *, start: int) -> dict[UUID, int]:
    """Slots for each queue that gets any; ``start`` is how many have been dealt before."""
    queues: dict[UUID, list[UUID]] = {}
    for lane in lanes:
        queues.setdefault(lane.tenant_id, []).append(lane.queue_id)
    quotas: dict[UUID, int] = {}
    for seat, names in enumerate(queues.values()):
        had, has = _dealt(start, seat, len(queues)), _dealt(start + slots, seat, len(queues))
        for place, queue in enumerate(names):
            if got := _dealt(has, place, len(names)) - _dealt(had, place, len(names)):
                quotas[queue] = got
    return quotas


def _dealt(cards: int, seat: int, players: int) -> int:
    """How many of the first ``cards`` go to a seat when they are dealt one by one around the table."""
    return (cards - seat + players - 1) // players
