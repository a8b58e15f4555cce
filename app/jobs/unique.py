"""At most one job of its kind: a new job that asks for it takes a place that its twins would take too.

The place is a row of `uniques`, held from then on. What ends a job does not know of it and pays nothing:
whoever finds a place taken looks at the job that holds it, and takes over from one that stands no more. So:

- the place is locked first, by a statement of its own, and its holder looked at by the next one, which sees
  all that was committed by whoever had the lock before;
- it is passed on in the transaction that stores the new job, so of many at once exactly one gets it;
- many places are locked in the order of their key, and many twins in the order of their ids.

A job stands until it has ended and, if it has a window, after a success until that is over. One that failed
or was cancelled, is gone or was erased, stands no more.

Everything here is meant for the inside of a transaction that is undone unless the new jobs are stored.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

import msgspec

from app.jobs import sameness, withdrawing
from app.jobs.sameness import Rule
from app.jobs.uniqueness import OnConflict
from core.db import Raw
from core.errors import Fault, NotUnique
from core.jobs.model import NewJob

# The lock is taken though nothing is changed. A place whose holder is not there yet is waited for.
_TAKE = """
INSERT INTO uniques (tenant_id, queue_id, key_hash, job_id, until)
SELECT q.tenant_id, q.id, t.key_hash, t.job_id, now() + t.window_seconds * interval '1 second'
FROM unnest($2::text[], $3::bytea[], $4::uuid[], $5::int[]) AS t(queue, key_hash, job_id, window_seconds)
JOIN queues q ON q.tenant_id = $1 AND q.name = t.queue AND q.deleted_at IS NULL
ORDER BY q.id, t.key_hash
ON CONFLICT (tenant_id, queue_id, key_hash) DO UPDATE SET job_id = excluded.job_id WHERE false
RETURNING job_id
"""

# Each place by its key: a look-up that locks cannot be joined in another way. An erased job is unique by
# nothing any more. What was replayed does not stand in the way of its replay.
_LOOK = """
WITH taken AS MATERIALIZED (
  SELECT u.tenant_id, u.queue_id, u.key_hash, u.job_id AS holder, t.job_id, t.window_seconds,
         u.job_id IS DISTINCT FROM t.replay_of AND EXISTS (
           SELECT FROM jobs j LEFT JOIN endings e ON e.job_id = j.id
           WHERE j.id = u.job_id AND j.uniqueness IS NOT NULL
             AND (e.job_id IS NULL OR (e.state = 'succeeded' AND u.until > now()))) AS stands
  FROM unnest($2::text[], $3::bytea[], $4::uuid[], $5::int[], $6::uuid[])
    AS t(queue, key_hash, job_id, window_seconds, replay_of)
  JOIN queues q ON q.tenant_id = $1 AND q.name = t.queue AND q.deleted_at IS NULL
  CROSS JOIN LATERAL (
    SELECT * FROM uniques u
    WHERE u.tenant_id = q.tenant_id AND u.queue_id = q.id AND u.key_hash = t.key_hash FOR UPDATE) u),
passed AS (
  UPDATE uniques u SET job_id = t.job_id, until = now() + t.window_seconds * interval '1 second'
  FROM taken t
  WHERE u.tenant_id = t.tenant_id AND u.queue_id = t.queue_id AND u.key_hash = t.key_hash
    AND u.job_id = t.holder AND NOT t.stands)
SELECT job_id, holder FROM taken WHERE stands
"""

_HAND_ON = """
UPDATE uniques u SET job_id = t.job_id, until = now() + t.window_seconds * interval '1 second'
FROM unnest($2::text[], $3::bytea[], $4::uuid[], $5::int[]) AS t(queue, key_hash, job_id, window_seconds)
JOIN queues q ON q.tenant_id = $1 AND q.name = t.queue AND q.deleted_at IS NULL
WHERE u.tenant_id = $1 AND u.queue_id = q.id AND u.key_hash = t.key_hash
"""


class Claim(msgspec.Struct, frozen=True):
    """What a new job is unique by, and where."""

    job: NewJob
    rule: Rule


def claims(new: Iterable[NewJob]) -> list[Claim]:
    """Of those jobs that are to be unique."""
    return [Claim(job, sameness.read(job.uniqueness)) for job in new if job.uniqueness is not None]


def doubles(new: Sequence[NewJob]) -> dict[int, int]:
    """Places of jobs that are twins of earlier ones of the same list, each with the first's place."""
    places: dict[tuple[str, bytes], list[int]] = defaultdict(list)
    for place, job in enumerate(new):
        if job.uniqueness is not None:
            places[job.queue, sameness.read(job.uniqueness).hash].append(place)
    return {later: same[0] for same in places.values() for later in same[1:]}


async def take(db: Raw, claimed: Sequence[Claim], *, tenant: UUID) -> dict[UUID, UUID]:
    """Take the places of new jobs, no two of them twins; of those that get none, the twin that stands."""
    if not claimed:
        return {}
    columns = _columns(claimed)
    got = {row[0] for row in await db.fetch(_TAKE, tenant, *columns)}
    if len(got) == len(claimed):
        return {}
    late = [one for one in claimed if one.job.id not in got]
    replayed = [one.job.replay_of for one in late]
    rows = await db.fetch(_LOOK, tenant, *_columns(late), replayed)
    return {row[0]: row[1] for row in rows}


async def replace(db: Raw, claimed: Sequence[Claim], twins: dict[UUID, UUID], *, tenant: UUID) -> set[UUID]:
    """Cancel the twins of new jobs and pass their places on; those of the jobs whose twin has started."""
    late = set()
    for new, twin in sorted(twins.items(), key=lambda pair: pair[1]):
        if not await withdrawing.withdraw(db, twin, tenant=tenant):
            late.add(new)
    if not late:
        await db.execute(_HAND_ON, tenant, *_columns([one for one in claimed if one.job.id in twins]))
    return late


def wanting(claimed: Iterable[Claim], twins: dict[UUID, UUID], how: OnConflict) -> dict[UUID, UUID]:
    """Those of the twins whose new job wants this."""
    return {
        one.job.id: twins[one.job.id]
        for one in claimed
        if one.job.id in twins and one.rule.on_conflict is how
    }


def refusal(places: dict[str, UUID], *, started: bool = False) -> NotUnique:
    """The refusal of new jobs, by their place in the body, each with its twin."""
    state = "has started" if started else "stands already"
    return NotUnique(
        [
            Fault("not_unique", f"job {twin} {state}", pointer=f"{place}/unique", twin=twin)
            for place, twin in places.items()
        ]
    )


def refusal_of_doubles(same: dict[int, int]) -> NotUnique:
    """The refusal of a batch with twins in itself: later places and first ones."""
    return NotUnique(
        [
            Fault("not_unique", f"is a twin of /jobs/{first}", pointer=f"/jobs/{later}/unique")
            for later, first in sorted(same.items())
        ]
    )


def _columns(claimed: Sequence[Claim]) -> tuple[list[object], ...]:
    return (
        [one.job.queue for one in claimed],
        [one.rule.hash for one in claimed],
        [one.job.id for one in claimed],
        [one.rule.window_seconds for one in claimed],
    )
