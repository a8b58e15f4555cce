"""The replicas table: one row a scheduler process, one update a beat, whatever is in flight."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from core.db import Raw


class Replica(msgspec.Struct, frozen=True):
    """What a replica says of itself with every beat."""

    id: UUID
    concurrency: int
    host: str
    offers: Sequence[int] = (0,)
    """Which needs of jobs it answers (`core.jobs.model.Needs`)."""


def channel(replica: UUID) -> str:
    """The name under which a replica listens for hints."""
    return f"noonmark_{replica.hex}"


async def beat(db: Raw, replica: Replica, *, ttl_seconds: float, draining: bool) -> None:
    """Say that this replica lives, for another ``ttl_seconds``."""
    await db.execute(
        """INSERT INTO replicas (id, beat_at, expires_at, draining, concurrency, host, offers)
           VALUES ($1, now(), now() + $2::float8 * interval '1 second', $3, $4, $5, $6::text::int2[])
           ON CONFLICT (id) DO UPDATE
           SET beat_at = now(), expires_at = excluded.expires_at, draining = excluded.draining""",
        replica.id, ttl_seconds, draining, replica.concurrency, replica.host,
        # As text, which the driver knows how to send without asking.
        f"{{{','.join(str(int(needs)) for needs in replica.offers)}}}",
    )  # fmt: skip


async def leave(db: Raw, replica: UUID) -> None:
    """Remove this replica's row, unless a lease still names it: then its beats must be missed first."""
    await db.execute(
        """DELETE FROM replicas r WHERE id = $1
           AND NOT EXISTS (SELECT FROM leases l WHERE l.replica_id = r.id)""",
        replica,
    )


async def forget(db: Raw, *, after_seconds: float) -> int:
    """Remove the rows of replicas that are long gone and hold nothing."""
    status = await db.execute(
        """DELETE FROM replicas r WHERE expires_at < now() - $1::float8 * interval '1 second'
           AND NOT EXISTS (SELECT FROM leases l WHERE l.replica_id = r.id)""",
        after_seconds,
    )
    return int(status.split()[-1])


async def hint(db: Raw) -> None:
    """Wake one live replica. A hint, never a promise: replicas look by themselves every second."""
    await db.execute(
        """SELECT pg_notify('noonmark_' || replace(id::text, '-', ''), '')
           FROM (SELECT id FROM replicas WHERE expires_at > now() AND NOT draining
                 ORDER BY random() LIMIT 1) one"""
    )


async def hint_cancel(db: Raw, replica: UUID) -> None:
    """Tell a replica to look for cancel requests among its leases."""
    await db.execute("SELECT pg_notify($1, 'cancel')", channel(replica))
