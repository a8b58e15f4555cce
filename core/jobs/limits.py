"""Claims under limits: never more leases than a queue or tenant may have, nor more starts than a rate allows.

They are taken in one transaction of two statements. The first locks the rows of these limits, in key order,
leaving out what another replica holds; the second, whose snapshot is younger than the locks, counts the
leases, and claims up to what is free. One statement that locks, counts and claims would overshoot. A lease
that goes away frees its slot by that, however it goes, so nothing can leak.

A queue may share a limit with queues of other tenants, as those of one function do: it stands in
`queues.shares`, and its leases say so too.

The rate is GCRA: `spent_until` runs ahead of the clock by one interval for each start, and may be ahead by
`burst` intervals at most.

A limit that is new does not know of the leases made before it. Claims that did not see it may still be
under way; each has locked `leases` before it took its snapshot, so they are known by that lock. Once all of
them are over, the leases of the queue or tenant are marked as counting, and claiming begins.
"""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from core.db import Raw
from core.jobs.model import Lane, Lease
from core.jobs.statements import LEASE
from core.jobs.store import BEFORE_ALL

# No claim is older: longer than the longest statement of a scheduler.
_OLDEST = "interval '40 seconds'"

HOLD = """
SELECT id, since IS NOT NULL,
       extract(epoch FROM greatest(spent_until - clock_timestamp(), interval '0'))::float8,
       rate_seconds / rate_count, rate_burst
FROM limits WHERE id = ANY($1::uuid[] || ARRAY(
  SELECT shares FROM queues WHERE id = ANY($1::uuid[]) AND shares IS NOT NULL))
ORDER BY id FOR UPDATE SKIP LOCKED
"""

_CLAIMING = "FROM pg_locks WHERE relation = 'leases'::regclass AND mode = 'RowExclusiveLock'"
AWAIT = f"""
UPDATE limits SET awaits = ARRAY(SELECT virtualtransaction {_CLAIMING} AND pid <> pg_backend_pid())
WHERE id = ANY($1::uuid[]) AND since IS NOT NULL AND awaits IS NULL
"""
BEGIN = f"""
UPDATE limits SET since = NULL, awaits = NULL
WHERE id = ANY($1::uuid[]) AND since IS NOT NULL
  AND (since < clock_timestamp() - {_OLDEST}
       OR NOT EXISTS (SELECT {_CLAIMING} AND virtualtransaction = ANY(awaits)))
RETURNING id
"""
COUNT_IN = """
WITH before AS MATERIALIZED (
  SELECT job_id FROM leases WHERE NOT limited AND (queue_id = ANY($1::uuid[]) OR tenant_id = ANY($1::uuid[]))
  ORDER BY job_id FOR UPDATE)
UPDATE leases SET limited = true WHERE job_id = ANY(ARRAY(SELECT job_id FROM before))
"""

_COUNTING = "true, (SELECT q.shares FROM queues q WHERE q.id = work.queue_id)"
_USED = "(SELECT count(*) FROM leases h WHERE h.limited AND h.{whose} = l.id)"

# Of each lane at most its quota; of a queue's lanes together what is free of its own limit and what its rate
# allows, of those that share a limit what is free of that, of a tenant's what is free of the tenant's limit, by their
# places. `least` passes over null: no such limit.
CLAIM = f"""
WITH lane AS MATERIALIZED (
  SELECT u.queue_id, q.tenant_id, q.shares, u.needs, u.quota::bigint, u.since, u.place
  FROM unnest($2::uuid[], $3::int[], $4::float8[], $6::int2[])
    WITH ORDINALITY AS u(queue_id, quota, since, needs, place)
  JOIN queues q ON q.id = u.queue_id
  WHERE q.limited AND NOT q.paused AND NOT EXISTS (
    SELECT FROM limits l
    WHERE l.id IN (q.id, q.tenant_id, q.shares) AND (l.id <> ALL($5::uuid[]) OR l.since IS NOT NULL))),
queue AS MATERIALIZED (
  SELECT l.id, least(
    CASE WHEN l.max_concurrency IS NOT NULL THEN l.max_concurrency - {_USED.format(whose="queue_id")} END,
    floor(l.rate_burst - extract(epoch FROM greatest(l.spent_until - statement_timestamp(), interval '0'))
                         * l.rate_count / l.rate_seconds)::bigint) AS free
  FROM limits l WHERE l.id = ANY(ARRAY(SELECT queue_id FROM lane))),
own AS MATERIALIZED (
  SELECT lane.*, greatest(0, least(
    lane.quota,
    q.free + lane.quota - sum(lane.quota) OVER (PARTITION BY lane.queue_id ORDER BY lane.place)))::bigint AS most
  FROM lane LEFT JOIN queue q ON q.id = lane.queue_id),
common AS MATERIALIZED (
  SELECT l.id, l.max_concurrency - {_USED.format(whose="shares")} AS free
  FROM limits l WHERE l.id = ANY(ARRAY(SELECT DISTINCT shares FROM lane)) AND l.max_concurrency IS NOT NULL),
part AS MATERIALIZED (
  SELECT o.*, greatest(0, least(
           o.most, c.free + o.most - sum(o.most) OVER (PARTITION BY o.shares ORDER BY o.place)))::bigint AS some
  FROM own o LEFT JOIN common c ON c.id = o.shares),
whole AS MATERIALIZED (
  SELECT l.id, l.max_concurrency - {_USED.format(whose="tenant_id")} AS free
  FROM limits l
  WHERE l.id = ANY(ARRAY(SELECT DISTINCT tenant_id FROM lane)) AND l.max_concurrency IS NOT NULL),
granted AS MATERIALIZED (
  SELECT p.needs, p.queue_id, p.since, greatest(0, least(
           p.some, w.free + p.some - sum(p.some) OVER (PARTITION BY p.tenant_id ORDER BY p.place)))::bigint AS slots
  FROM part p LEFT JOIN whole w ON w.id = p.tenant_id),
picked AS MATERIALIZED (
  SELECT x.job_id FROM granted g CROSS JOIN LATERAL (
    SELECT r.job_id FROM ready r
    WHERE r.needs = g.needs AND r.queue_id = g.queue_id AND r.rank_at >= to_timestamp(g.since)
    ORDER BY r.rank_at, r.job_id LIMIT g.slots FOR UPDATE SKIP LOCKED) x),
gone AS (
  DELETE FROM ready WHERE job_id = ANY(ARRAY(SELECT job_id FROM picked))
  RETURNING job_id, tenant_id, queue_id, due_at, attempt, losses, priority, needs),
spent AS (
  UPDATE limits l SET spent_until = greatest(l.spent_until, statement_timestamp())
    + t.taken * (l.rate_seconds / l.rate_count * interval '1 second' + interval '1 microsecond')
  FROM (SELECT queue_id, count(*) AS taken FROM gone GROUP BY queue_id) t
  WHERE l.id = t.queue_id AND l.rate_count IS NOT NULL),
{LEASE.format(limited=_COUNTING, more=", shares")}
"""


class Hold(msgspec.Struct, frozen=True):
    """A limit that this transaction holds. Field order is the statement's."""

    id: UUID
    fresh: bool
    """Whether leases made before it are not counted yet."""
    ahead: float
    """Seconds that its rate has been spent ahead of the clock."""
    interval: float | None
    """Seconds from one start to the next; none is no rate."""
    burst: int | None

    def pause(self, taken: int) -> float:
        """Seconds until the rate allows another start, after so many more."""
        if self.interval is None or self.burst is None:
            return 0.0
        return max(0.0, self.ahead + (taken + 1 - self.burst) * self.interval)


class Claimed(msgspec.Struct, frozen=True):
    """What was claimed, and for which queues their rate allows no more for so many seconds."""

    leases: list[Lease]
    pauses: dict[UUID, float]


async def claim(db: Raw, wanted: Sequence[tuple[Lane, int, float | None]], *, replica: UUID) -> Claimed:
    """Lease ready jobs of limited lanes: of each at most its quota, from its watermark on, best rank first.

    Earlier in `wanted` is served first, where queues share a tenant's limit.
    """
    names = {name for lane, _, _ in wanted for name in (lane.queue_id, lane.tenant_id)}
    async with db.transaction():
        holds = [Hold(*row) for row in await db.fetch(HOLD, list(names))]
        if not holds:
            return Claimed([], {})
        await _count_in(db, [hold.id for hold in holds if hold.fresh])
        rows = await db.fetch(
            CLAIM,
            replica,
            [lane.queue_id for lane, _, _ in wanted],
            [quota for _, quota, _ in wanted],
            [BEFORE_ALL if since is None else since for _, _, since in wanted],
            [hold.id for hold in holds],
            [lane.needs for lane, _, _ in wanted],
        )
    leases = [Lease(*row) for row in rows]
    return Claimed(leases, _pauses(holds, leases))


async def _count_in(db: Raw, fresh: list[UUID]) -> None:
    """Begin to count for new limits, if nobody can make a lease any more without knowing of them."""
    if not fresh:
        return
    await db.execute(AWAIT, fresh)
    begun = [row[0] for row in await db.fetch(BEGIN, fresh)]
    if begun:
        await db.execute(COUNT_IN, begun)


def _pauses(holds: list[Hold], leases: list[Lease]) -> dict[UUID, float]:
    taken: dict[UUID, int] = {}
    for lease in leases:
        taken[lease.queue_id] = taken.get(lease.queue_id, 0) + 1
    found = {hold.id: hold.pause(taken.get(hold.id, 0)) for hold in holds}
    return {queue: pause for queue, pause in found.items() if pause > 0}
