"""Reading the replicas table."""

from datetime import datetime
from uuid import UUID

import msgspec

from core.db import Raw

_MOST = 1000

_ALL = """
SELECT r.id, r.expires_at > now(), r.draining, r.started_at, r.beat_at, r.concurrency, r.offers,
       (SELECT count(*) FROM leases l WHERE l.replica_id = r.id AND l.tenant_id = $1)
FROM replicas r ORDER BY r.started_at DESC, r.id LIMIT $2
"""


class Seen(msgspec.Struct, frozen=True):
    """A replica as the tables have it. Field order is the statement's."""

    id: UUID
    beats: bool
    draining: bool
    started_at: datetime
    beat_at: datetime
    concurrency: int
    offers: list[int]
    in_flight: int


async def seen(db: Raw, *, tenant: UUID) -> list[Seen]:
    """All replicas, with what they hold of a tenant's."""
    return [Seen(*row) for row in await db.fetch(_ALL, tenant, _MOST)]
