"""Writing what attempts tell, fenced, many by one statement.

Safe to repeat, and to meet its own first try half done: the key of a row is made of nothing but what it says
and what its lease says, so that a second time writes no second row.
"""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from core.db import Raw
from core.events.model import Told

# A lease is held while its rows are written: who ends it waits, and so whoever sees the end sees all of them.
# They stand after the start of their attempt, which is the lease's, however far behind their clock is.
_APPEND = """
WITH inp AS MATERIALIZED (
  SELECT * FROM unnest($1::uuid[], $2::int2[], $3::uuid[], $4::int[], $5::text[], $6::float8[], $7::text[])
  AS t(job_id, attempt, lease_token, number, kind, at, data)),
told AS MATERIALIZED (SELECT DISTINCT job_id, attempt, lease_token FROM inp ORDER BY job_id),
held AS MATERIALIZED (
  SELECT l.lease_token, l.tenant_id, l.started_at FROM told t CROSS JOIN LATERAL (
    SELECT lease_token, tenant_id, greatest(due_at, claimed_at) AS started_at FROM leases l
    WHERE l.job_id = t.job_id AND l.attempt = t.attempt AND l.lease_token = t.lease_token
    FOR NO KEY UPDATE) l),
placed AS MATERIALIZED (
  SELECT i.job_id, i.attempt, i.lease_token, i.kind, i.data, h.tenant_id,
         greatest(to_timestamp(i.at), h.started_at + i.number * interval '1 microsecond') AS at
  FROM inp i JOIN held h ON h.lease_token = i.lease_token),
kept AS (
  INSERT INTO events (job_id, id, tenant_id, kind, at, attempt, data)
  SELECT job_id, stamp(at, 0, lease_token), tenant_id, kind, at, attempt, data::jsonb FROM placed
  ON CONFLICT DO NOTHING)
SELECT lease_token FROM held
"""


async def append(db: Raw, told: Sequence[Told]) -> set[UUID]:
    """Keep these, but for those whose lease is gone; the tokens of the leases that are not."""
    columns = zip(*map(msgspec.structs.astuple, told), strict=True)
    rows = await db.fetch(_APPEND, *map(list, columns))
    return {row[0] for row in rows}
