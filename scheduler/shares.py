"""How a round's slots are shared out: tenants first, then each tenant's queues. Pure.

Every tenant with due work gets an equal share, whatever its backlog; what does not divide goes to those the
rotation puts first. With more tenants than slots each round serves the next ones, so nobody waits for more
than one turn of the rotation.
"""

from collections.abc import Sequence
from uuid import UUID

from core.jobs.model import Lane


def share(lanes: Sequence[Lane], slots: int, *, turn: int) -> dict[UUID, int]:
    """Slots for each queue that gets any; ``turn`` counts rounds."""
    queues: dict[UUID, list[UUID]] = {}
    for lane in lanes:
        queues.setdefault(lane.tenant_id, []).append(lane.queue_id)
    quotas: dict[UUID, int] = {}
    for tenant, part in _split(list(queues), slots, turn).items():
        quotas |= _split(queues[tenant], part, turn)
    return quotas


def _split(names: list[UUID], slots: int, turn: int) -> dict[UUID, int]:
    """``slots`` over ``names`` as evenly as whole numbers go, the remainder by rotation."""
    each, rest = divmod(slots, len(names))
    first = turn * max(rest, 1) % len(names)
    parts = {name: each + ((index - first) % len(names) < rest) for index, name in enumerate(names)}
    return {name: part for name, part in parts.items() if part}
