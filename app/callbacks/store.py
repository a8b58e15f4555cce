"""Keeping what an attempt tells, as long as it holds its lease and has not told too much."""

from collections.abc import Sequence

import msgspec

from app.jobs.store import since
from core.callbacks import Pass
from core.db import Raw
from core.events.model import MOST
from core.jobs.model import TOLD, Event

# The lease is held, as by everybody who writes into an attempt: who ends it waits. Requests that come at once
# each count what was there before all of them.
_TELL = """
WITH held AS MATERIALIZED (
  SELECT tenant_id, cancel_requested_at IS NOT NULL AS cancelling FROM leases
  WHERE job_id = $1 AND attempt = $2 AND lease_token = $3 FOR NO KEY UPDATE),
room AS MATERIALIZED (
  SELECT count(*) + cardinality($6::text[]) <= $7 AS fits FROM (
    SELECT FROM events WHERE job_id = $1 AND id >= $4 AND attempt = $2 AND kind = ANY($5) LIMIT $7) told),
kept AS (
  INSERT INTO events (job_id, id, tenant_id, kind, at, attempt, data)
  SELECT $1, mint(t.at, 0), held.tenant_id, t.kind, t.at, $2, t.data::jsonb
  FROM held, room, (
    SELECT kind, data, clock_timestamp() + place * interval '1 microsecond' AS at
    FROM unnest($6::text[], $8::text[]) WITH ORDINALITY AS given (kind, data, place)) t
  WHERE room.fits)
SELECT cancelling, fits FROM held, room
"""


class Kept(msgspec.Struct, frozen=True):
    """What came of telling."""

    cancelling: bool
    fits: bool
    """False: nothing was kept, for too much was told before."""


async def tell(db: Raw, of: Pass, told: Sequence[tuple[Event, str]]) -> Kept | None:
    """Keep these, each with its JSON; None if the attempt is over."""
    row = await db.fetchrow(
        _TELL, of.job_id, of.attempt, of.lease_token, since(of.job_id), list(TOLD),
        [kind for kind, _ in told], MOST, [data for _, data in told],
    )  # fmt: skip
    return None if row is None else Kept(*row)
