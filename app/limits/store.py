"""The statement before every request: whom the credentials of a batch stand for, and what their tenants may.

One round trip, whatever the size of the batch. The bucket is GCRA: `spent_until` is how far ahead of the
clock it has been spent, and it is empty at `burst / rate` seconds. The row that ON CONFLICT locks is the
newest, so processes never take the same request twice. They are taken in slices of at most 10 ms of the
rate, that is one at a time below 200 a second: busy processes then seldom meet at a row.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec

from app.limits.model import Allowance, Credential, Owner
from app.principal import ALL_SCOPES, Scope
from core.db import Raw

SMALLEST_RATE = 0.001
LARGEST_RATE = 100_000.0
SLICE_SECONDS = 0.01

# Timestamps are whole microseconds, so a taking of many thirds may come out a little over or under.
_FREE = "floor((o.burst - o.rate * greatest(0, {spent})) + 0.001 + o.rate * 0.000001)::int"
_SPENT = "extract(epoch FROM b.spent_until - now())::float8"

_ADMIT = f"""
WITH asked AS MATERIALIZED (
  SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::bool[])
  WITH ORDINALITY AS t(session_id, user_id, token_hash, covered, place)),
found AS MATERIALIZED (
  SELECT a.place, a.covered, s.tenant_id, NULL::uuid AS token_id, NULL::text[] AS scopes, false AS stale
  FROM asked a JOIN sessions s ON s.id = a.session_id AND s.user_id = a.user_id
  WHERE s.revoked_at IS NULL AND s.expires_at > now()
  UNION ALL
  SELECT a.place, a.covered, k.tenant_id, k.id, k.scopes,
         k.last_used_at IS NULL OR k.last_used_at < now() - interval '1 minute'
  FROM asked a JOIN api_tokens k ON k.token_hash = a.token_hash
  WHERE k.expires_at IS NULL OR k.expires_at > now()),
owners AS MATERIALIZED (
  SELECT t.id, coalesce(t.request_rate, $5) AS rate, coalesce(t.request_burst, $6) AS burst, f.wanted,
         greatest(f.wanted, floor(coalesce(t.request_rate, $5) * {SLICE_SECONDS})::int) AS ask
  FROM (SELECT tenant_id, count(*) FILTER (WHERE NOT covered)::int AS wanted FROM found GROUP BY 1) f
  JOIN tenants t ON t.id = f.tenant_id WHERE t.erased_at IS NULL),
taken AS (
  INSERT INTO request_buckets AS b (tenant_id, spent_until, granted)
  SELECT id, now() + least(ask, burst) / rate * interval '1 second', least(ask, burst)
  FROM owners WHERE rate > 0 AND wanted > 0 ORDER BY id
  ON CONFLICT (tenant_id) DO UPDATE SET (spent_until, granted) = (
    SELECT greatest(b.spent_until, now()) + g.n / o.rate * interval '1 second', g.n
    FROM owners o CROSS JOIN LATERAL (
      SELECT greatest(0, least(o.ask, {_FREE.format(spent=_SPENT)})) AS n) g
    WHERE o.id = b.tenant_id)
  RETURNING tenant_id, spent_until, granted),
used AS (
  UPDATE api_tokens SET last_used_at = now() WHERE id = ANY(ARRAY(
    SELECT id FROM api_tokens WHERE id IN (SELECT token_id FROM found WHERE stale) FOR UPDATE SKIP LOCKED)))
SELECT f.place, f.tenant_id, f.token_id, f.scopes, o.rate, o.burst, coalesce(k.granted, 0),
       greatest(0, coalesce(extract(epoch FROM coalesce(k.spent_until, b.spent_until) - now())::float8, 0))
FROM found f JOIN owners o ON o.id = f.tenant_id
LEFT JOIN taken k ON k.tenant_id = f.tenant_id
LEFT JOIN request_buckets b ON b.tenant_id = f.tenant_id
ORDER BY f.place
"""


class Found(msgspec.Struct, frozen=True):
    """A valid credential of a batch."""

    place: int
    """In the batch, from 0."""
    owner: Owner
    allowance: Allowance
    granted: int
    """Requests that were taken for its tenant, for the whole batch."""
    spent: float
    """Seconds ahead of the clock that the tenant's bucket is spent now."""


async def admit(db: Raw, asked: Sequence[tuple[Credential, bool]], *, default: Allowance) -> list[Found]:
    """Resolve each credential, and take a request for each that is not covered by one taken before."""
    rows = await db.fetch(
        _ADMIT,
        [one.session_id for one, _ in asked],
        [one.user_id for one, _ in asked],
        [one.token_hash for one, _ in asked],
        [covered for _, covered in asked],
        default.rate,
        default.burst,
    )
    return [_found(row) for row in rows]


async def refill(db: Raw, tenant: UUID) -> None:
    """Start with a full bucket."""
    await db.execute("DELETE FROM request_buckets WHERE tenant_id = $1", tenant)


@lru_cache(maxsize=256)
def _scopes(names: tuple[str, ...]) -> frozenset[Scope]:
    return frozenset(map(Scope, names))


def _found(row: Any) -> Found:
    place, tenant, token, scopes, rate, burst, granted, spent = row
    allowed = ALL_SCOPES if scopes is None else _scopes(tuple(scopes))
    return Found(place - 1, Owner(tenant, token, allowed), Allowance(rate, burst), granted, spent)
