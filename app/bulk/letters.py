"""Replaying and deleting many dead letters, a chunk at a time: each is locked, and taken if it still fits.

A letter is replayed at most once, whoever else is trying: the lock is the one that replaying a single one
takes, and what was replayed does not fit any more. Letters of unique jobs whose twin stands are left as they
are, whatever they say of conflicts; so is all but the first of letters that are twins.
"""

from collections.abc import Sequence
from uuid import UUID

from app.dead_letters import store as letters
from app.dead_letters.filters import LetterFilter
from app.jobs import replays, unique
from app.jobs.replays import Request
from app.jobs.schemas import ReplayJob
from app.jobs.service import Origin
from core.db import Raw
from core.jobs import store as jobs
from core.jobs.model import NewJob

_LOCK = """
SELECT d.job_id, {request} FROM dead_letters d JOIN queues q ON q.id = d.queue_id
WHERE d.tenant_id = $1 AND d.job_id = ANY($8::uuid[]) AND {replayable} AND {matches}
ORDER BY d.job_id FOR UPDATE OF d
"""

_NOTE = """
WITH pair AS MATERIALIZED (SELECT * FROM unnest($2::uuid[], $3::uuid[]) AS t(job_id, replayed_as)),
noted AS (
  UPDATE dead_letters d SET replayed_as = p.replayed_as FROM pair p WHERE d.job_id = p.job_id)
INSERT INTO events (id, job_id, tenant_id, kind, at, data)
SELECT mint(clock_timestamp(), 0), job_id, $1, 'replayed', clock_timestamp(),
       jsonb_build_object('replayed_as', replayed_as)
FROM pair
"""

_PURGE = """
WITH held AS MATERIALIZED (
  SELECT d.job_id FROM dead_letters d WHERE d.tenant_id = $1 AND d.job_id = ANY($8::uuid[]) AND {matches}
  ORDER BY d.job_id FOR UPDATE),
gone AS (DELETE FROM dead_letters WHERE job_id = ANY(ARRAY(SELECT job_id FROM held)) RETURNING job_id)
SELECT count(*) FROM gone
"""


async def replay(
    db: Raw, ids: Sequence[UUID], which: LetterFilter, origin: Origin, delays: Sequence[float]
) -> int:
    """New jobs of letters, due after so many seconds; how many. Meant for the inside of a transaction."""
    lock = _LOCK.format(request=letters.REQUEST, replayable=letters.REPLAYABLE, matches=letters.MATCHES)
    rows = await db.fetch(lock, origin.tenant_id, *letters.values(which), ids)
    if not rows:
        return 0
    old = [row[0] for row in rows]
    requests = [Request(*row[1:]) for row in rows]
    new = await _only(db, [_again(*one, origin) for one in zip(requests, old, delays, strict=False)], origin)
    created = {one.id for one in await jobs.create(db, new) if one.created} if new else set()
    pairs = [(one.replay_of, one.id) for one in new if one.id in created]
    await db.execute(_NOTE, origin.tenant_id, [of for of, _ in pairs], [id for _, id in pairs])
    return len(pairs)


async def _only(db: Raw, new: Sequence[NewJob], origin: Origin) -> list[NewJob]:
    """Those of the new jobs of which no twin stands."""
    same = unique.doubles(new)
    first = [one for index, one in enumerate(new) if index not in same]
    twins = await unique.take(db, unique.claims(first), tenant=origin.tenant_id)
    return [one for one in first if one.id not in twins]


def _again(request: Request, of: UUID, delay: float, origin: Origin) -> NewJob:
    new = replays.renewed(request, ReplayJob(delay_seconds=delay), origin, of=of, key=None)
    assert isinstance(new, NewJob)
    return new


async def purge(db: Raw, ids: Sequence[UUID], which: LetterFilter, *, tenant: UUID) -> int:
    """Delete letters; how many. Meant for the inside of a transaction."""
    gone: int = await db.fetchval(_PURGE.format(matches=letters.MATCHES), tenant, *letters.values(which), ids)
    return gone
