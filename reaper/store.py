"""What the sweeps ask of the database besides a job's own moves."""

from typing import Any, TypeAlias
from uuid import UUID

import msgspec

from core.capabilities import Capabilities
from core.db import Raw
from core.jobs.lifecycle import FINAL
from core.schema import PLAIN_HISTORY
from core.tenants.model import KEEP_DEAD_LETTERS_DAYS, KEEP_HISTORY_DAYS, KEEP_JOBS_DAYS


async def ensure_partitions(db: Raw, *, days_ahead: int) -> int:
    """Make the history's days ahead; how many were missing."""
    made: int = await db.fetchval("SELECT ensure_partitions($1)", days_ahead)
    return made


async def partitions_ahead(db: Raw, *, days: int) -> bool:
    """Whether each of so many whole days after today has its partitions, if there are any at all."""
    found: bool = await db.fetchval(
        f"""SELECT {PLAIN_HISTORY} OR bool_and(to_regclass(parent || '_p' || day) IS NOT NULL)
           FROM unnest(ARRAY['attempts', 'events', 'logs']) AS parent, generate_series(1, $1) AS ahead,
                to_char(now() AT TIME ZONE 'UTC' + ahead * interval '1 day', 'YYYYMMDD') AS day""",
        days,
    )
    return found


# Rows that only had to be kept for a while, and what makes each of them old. Small batches, in key order.
_OLD = {
    "idempotency_keys": "expires_at < now()",
    "magic_links": "expires_at < now() - interval '1 day'",
    "refresh_tokens": "expires_at < now()",
    "sessions": "expires_at < now() OR revoked_at < now() - interval '1 day'",
    "signing_secrets": "expires_at < now() - interval '1 day'",
    "windows": "started_at < now() - interval '2 days'",
    "mails": "created_at < now() - interval '7 days'",
}


async def purge(db: Raw, *, limit: int) -> dict[str, int]:
    """Remove up to ``limit`` outlived rows of each kind; how many of each went."""
    removed = {}
    for table, old in _OLD.items():
        status = await db.execute(
            f"DELETE FROM {table} WHERE ctid = ANY(ARRAY("
            f"SELECT ctid FROM {table} WHERE {old} LIMIT $1 FOR UPDATE SKIP LOCKED))",
            limit,
        )
        removed[table] = int(status.split()[-1])
    return removed


# A walk in the order of the key, because nothing else tells who stands no more. Who takes a place over writes
# another job there, so what was looked at is removed only while it still says the same.
_STALE = """
WITH seen AS MATERIALIZED (
  SELECT tenant_id, queue_id, key_hash, job_id, until FROM uniques
  WHERE (tenant_id, queue_id, key_hash) > ($1, $2, $3) ORDER BY tenant_id, queue_id, key_hash LIMIT $4),
stale AS MATERIALIZED (
  SELECT s.* FROM seen s LEFT JOIN jobs j ON j.id = s.job_id LEFT JOIN endings e ON e.job_id = s.job_id
  WHERE j.id IS NULL OR j.uniqueness IS NULL OR e.state IN ('failed', 'cancelled')
     OR (e.state = 'succeeded' AND (s.until IS NULL OR s.until <= now()))),
held AS MATERIALIZED (
  SELECT u.tenant_id, u.queue_id, u.key_hash FROM stale s CROSS JOIN LATERAL (
    SELECT * FROM uniques u WHERE u.tenant_id = s.tenant_id AND u.queue_id = s.queue_id
      AND u.key_hash = s.key_hash AND u.job_id = s.job_id FOR UPDATE SKIP LOCKED) u),
gone AS (
  DELETE FROM uniques u USING held h
  WHERE u.tenant_id = h.tenant_id AND u.queue_id = h.queue_id AND u.key_hash = h.key_hash RETURNING 1)
SELECT (SELECT count(*) FROM gone), last.*
FROM (VALUES (1)) one LEFT JOIN (
  SELECT tenant_id, queue_id, key_hash FROM seen ORDER BY 1, 2, 3 LIMIT 1 OFFSET $4 - 1) last ON true
"""


class Corner(msgspec.Struct, frozen=True):
    """How far a walk over what jobs are unique by has come: it goes on behind this."""

    tenant_id: UUID = UUID(int=0)
    queue_id: UUID = UUID(int=0)
    key_hash: bytes = b""


async def purge_uniques(db: Raw, *, after: Corner, limit: int) -> tuple[int, Corner | None]:
    """Of the next ``limit`` places of unique jobs remove those whose job stands no more; where to go on."""
    row = await db.fetchrow(_STALE, *msgspec.structs.astuple(after), limit)
    assert row is not None
    return row[0], None if row[1] is None else Corner(*row[1:])


class Place(msgspec.Struct, frozen=True):
    """How far a walk over the tenants has come: it goes on behind this."""

    tenant_id: UUID = UUID(int=0)
    state: str = ""
    job_id: UUID = UUID(int=0)


class Step(msgspec.Struct, frozen=True):
    """What one step of a walk did, and where the next begins; None at the end."""

    looked: int
    removed: int
    place: Place | None


def _day(days: int | str) -> str:
    # A day of the session's time zone may have 23 hours; a key lives for 24 and must not outlive its job.
    return f"{days} * interval '24 hours'"


def _lowest(at: str) -> str:
    """The lowest UUIDv7 of an instant."""
    return f"(lpad(to_hex((extract(epoch FROM {at}) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid"


# A row cannot be older than its job, whose id tells when it was created. So of each tenant only the jobs that
# were created before its retention are looked at, by the index that has them in the order of their ids: some
# to remove, and those that were created long before they ended. Rows are compared as a whole, because no
# other index than this one has them in that order.
_WALK = """
WITH page AS MATERIALIZED (
  SELECT id AS tenant_id, now() - {keep} AS before
  FROM tenants WHERE id >= $1 AND erased_at IS NULL AND {setting} IS DISTINCT FROM 0
  ORDER BY id LIMIT $5 + 1),
spans AS MATERIALIZED (
  SELECT p.tenant_id, s.state, p.before, {lowest} AS below,
         CASE WHEN p.tenant_id = $1 AND s.state = $2 THEN $3 ELSE '{first}'::uuid END AS after
  FROM page p CROSS JOIN unnest(ARRAY[{states}]) AS s(state)
  WHERE (p.tenant_id, s.state) >= ($1, $2) ORDER BY p.tenant_id, s.state),
seen AS MATERIALIZED (
  SELECT s.tenant_id, s.state, e.job_id, e.at < s.before AS old
  FROM spans s CROSS JOIN LATERAL (
    SELECT job_id, {at} AS at FROM {table}
    WHERE ({key}) > ({span}, s.after) AND ({key}) < ({span}, s.below) ORDER BY {key} LIMIT $4) e
  ORDER BY s.tenant_id, s.state, e.job_id LIMIT $4),
{removal}
SELECT (SELECT count(*) FROM seen), (SELECT count(*) FROM gone), next.tenant_id, next.state, next.job_id
FROM (VALUES (1)) one LEFT JOIN (
  (SELECT 1 AS turn, tenant_id, state, job_id FROM seen ORDER BY 2, 3, 4 LIMIT 1 OFFSET $4 - 1)
  UNION ALL
  (SELECT 2, tenant_id, (ARRAY[{states}])[{count}], '{last}'::uuid FROM page ORDER BY 2 LIMIT 1 OFFSET $5)
  ORDER BY 1 LIMIT 1) next ON true
"""

# The lock on the job's own row is the one that every change of a job begins with.
_REMOVE_JOBS = """
held AS MATERIALIZED (
  SELECT j.id FROM jobs j WHERE j.id = ANY(ARRAY(SELECT job_id FROM seen WHERE old))
    AND NOT EXISTS (SELECT FROM leases l WHERE l.job_id = j.id)
  ORDER BY j.id FOR UPDATE OF j SKIP LOCKED),
ended AS (DELETE FROM endings WHERE job_id = ANY(ARRAY(SELECT id FROM held))),
files AS (
  UPDATE artifacts SET deleted_at = now()
  WHERE job_id = ANY(ARRAY(SELECT id FROM held)) AND deleted_at IS NULL),
gone AS (DELETE FROM jobs WHERE id = ANY(ARRAY(SELECT id FROM held)) RETURNING id)"""

_REMOVE_LETTERS = """
held AS MATERIALIZED (
  SELECT job_id FROM dead_letters WHERE job_id = ANY(ARRAY(SELECT job_id FROM seen WHERE old))
  ORDER BY job_id FOR UPDATE SKIP LOCKED),
gone AS (DELETE FROM dead_letters WHERE job_id = ANY(ARRAY(SELECT job_id FROM held)) RETURNING job_id)"""


def _walk(setting: str, days: int, states: list[str], **given: str) -> str:
    return _WALK.format(
        setting=setting,
        keep=_day(f"coalesce({setting}, {days})"),
        lowest=_lowest("p.before"),
        states=", ".join(f"'{state}'" for state in states),
        count=len(states),
        first=UUID(int=0),
        last=UUID(int=2**128 - 1),
        **given,
    )


OLD_JOBS = _walk(
    "keep_jobs_days", KEEP_JOBS_DAYS, sorted(FINAL), table="endings", at="finished_at",
    key="tenant_id, state, job_id", span="s.tenant_id, s.state", removal=_REMOVE_JOBS,
)  # fmt: skip
OLD_LETTERS = _walk(
    "keep_dead_letters_days", KEEP_DEAD_LETTERS_DAYS, [""], table="dead_letters", at="failed_at",
    key="tenant_id, job_id", span="s.tenant_id", removal=_REMOVE_LETTERS,
)  # fmt: skip


async def remove_old(db: Raw, walk: str, *, after: Place, limit: int, tenants: int) -> Step:
    """Look at up to ``limit`` rows of this tenant and so many more, and remove those that are too old."""
    row = await db.fetchrow(walk, after.tenant_id, after.state, after.job_id, limit, tenants)
    assert row is not None
    return Step(row[0], row[1], None if row[2] is None else Place(*row[2:]))


# The days of history, which end at midnight UTC. What has no day of its own is in the default, without end;
# without partitions all of it is.
_PARTS = r"""
SELECT c.oid, c.relname::text AS name, i.inhparent AS parent,
       CASE WHEN c.relname !~ '_default$'
            THEN (to_date(right(c.relname, 8), 'YYYYMMDD') + 1)::timestamp AT TIME ZONE 'UTC' END AS ends_at
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent IN ('attempts'::regclass, 'events'::regclass, 'logs'::regclass)
  AND c.relname ~ '^(attempts|events|logs)_(p\d{8}|default)$'
UNION ALL
SELECT c.oid, c.relname::text, c.oid, NULL FROM pg_class c
WHERE c.oid IN ('attempts'::regclass, 'events'::regclass, 'logs'::regclass) AND c.relkind = 'r'
"""
_KEEP_HISTORY = _day(f"coalesce(t.keep_history_days, {KEEP_HISTORY_DAYS})")
_LONGEST = f"""
SELECT CASE WHEN bool_or(t.keep_history_days = 0) THEN NULL
            ELSE now() - coalesce(max({_KEEP_HISTORY}), {_day(KEEP_HISTORY_DAYS)}) END
FROM tenants t WHERE t.erased_at IS NULL
"""

_DAYS_OVER = f"""
SELECT DISTINCT ON (parent) name FROM ({_PARTS}) part WHERE ends_at <= ({_LONGEST}) ORDER BY parent, ends_at
"""

# For whom a day is over is noted on the day itself, once their rows are gone: who comes next need not look
# again. A tenant has nothing in days before its own.
_NEXT_PART = f"""
SELECT part.name, CASE WHEN part.ends_at IS NOT NULL THEN over.mark END
FROM ({_PARTS}) part CROSS JOIN LATERAL (
  SELECT format('without %s tenants, %s', count(*), bit_xor(hashtextextended(t.id::text, 0))) AS mark,
         count(*) AS tenants
  FROM tenants t WHERE t.erased_at IS NULL AND t.keep_history_days IS DISTINCT FROM 0
    AND t.created_at < part.ends_at AND part.ends_at <= now() - {_KEEP_HISTORY}) over
WHERE part.name > $1 AND (part.ends_at IS NULL OR (
        over.tenants > 0 AND (part.ends_at <= ({_LONGEST})) IS NOT TRUE
        AND over.mark IS DISTINCT FROM obj_description(part.oid, 'pg_class')))
ORDER BY part.name LIMIT 1
"""

# In the order of the table's key, whatever that is made of; it begins with the job.
_TRIM = f"""
WITH seen AS MATERIALIZED (
  SELECT {{key}}, tenant_id FROM {{part}} WHERE ({{key}}) > ({{after}}){{ended}}
  ORDER BY {{key}} LIMIT $1),
gone AS (
  DELETE FROM {{part}} WHERE ({{key}}) IN (
    SELECT {{key_seen}} FROM seen s LEFT JOIN tenants t ON t.id = s.tenant_id
    WHERE t.keep_history_days IS DISTINCT FROM 0 AND s.id < {_lowest(f"(now() - {_KEEP_HISTORY})")})
  RETURNING 1)
SELECT (SELECT count(*) FROM seen), (SELECT count(*) FROM gone), last.*
FROM (VALUES (1)) one LEFT JOIN (
  SELECT {{key}} FROM seen ORDER BY {{key_down}} LIMIT 1) last ON true
"""

# Where young and old lie together, only jobs are looked at that are old enough to have old history: it is no
# older than its job, but for what the clocks that made their ids differ by.
_SHORTEST = f"least({_day(KEEP_HISTORY_DAYS)}, min({_KEEP_HISTORY}))"
_OLD_JOBS = f""" AND job_id < (
    SELECT {_lowest(f"(now() - {_SHORTEST} + {_day(1)})")}
    FROM tenants t WHERE t.keep_history_days IS DISTINCT FROM 0)"""

# Whoever writes history waits behind us while we wait.
_BRIEFLY = "SET LOCAL lock_timeout = '500ms'"
_DROPPING, _TRIMMING = 7810766, 7810767
# The lock of everybody, where there is no lock for each.
_ROW = "SELECT 1 FROM alembic_version FOR UPDATE SKIP LOCKED"


Key: TypeAlias = tuple[Any, ...]
"""The key of a row of history; its columns are the table's own."""


class Part(msgspec.Struct, frozen=True):
    """What is trimmed row by row, a partition or all of a history without any, and what is then noted on it:
    nothing where rows of all ages are together."""

    name: str
    mark: str | None


class Trimmed(msgspec.Struct, frozen=True):
    """What one step in a partition did; the key of the last row it looked at, if it saw any."""

    looked: int
    removed: int
    last: Key | None


_FIRST = UUID(int=0)
_BY_ID: dict[str, Any] = {"job_id": _FIRST, "id": _FIRST}
# The columns of each key, with what is less than any value of theirs.
_KEYS: dict[str, dict[str, Any]] = {
    "attempts": _BY_ID,
    "events": _BY_ID,
    "logs": {"job_id": _FIRST, "attempt": 0, "sequence": 0, "id": _FIRST},
}


def first(part: Part) -> Key:
    """What a walk over a partition begins behind."""
    return tuple(_key(part.name).values())


def trimming(part: Part) -> str:
    """The statement that trims a partition; it takes the limit and the key to begin behind."""
    key = list(_key(part.name))
    return _TRIM.format(
        part=part.name,
        ended=_OLD_JOBS if part.mark is None else "",
        key=", ".join(key),
        after=", ".join(f"${2 + place}" for place in range(len(key))),
        key_seen=", ".join(f"s.{column}" for column in key),
        key_down=", ".join(f"{column} DESC" for column in key),
    )


def _key(name: str) -> dict[str, Any]:
    return _KEYS[name.partition("_")[0]]


async def days_over(db: Raw) -> list[str]:
    """Of attempts, of events and of logs the oldest partition whose day is over for everybody."""
    return [row[0] for row in await db.fetch(_DAYS_OVER)]


async def drop_partition(db: Raw, name: str, server: Capabilities) -> bool:
    """Drop a partition, unless somebody else does. Meant for a transaction; raises when it is in use."""
    await db.execute(_BRIEFLY)
    if not await _alone(db, _DROPPING, server):
        return False
    if not await db.fetchval("SELECT to_regclass($1) IS NOT NULL", name):
        return False
    await db.execute(f"DROP TABLE {name}")
    return True


async def trims_alone(db: Raw, server: Capabilities) -> bool:
    """Whether nobody else trims until the end of this transaction."""
    return await _alone(db, _TRIMMING, server)


async def _alone(db: Raw, lock: int, server: Capabilities) -> bool:
    if not server.advisory_locks:
        return await db.fetchval(_ROW) is not None
    alone: bool = await db.fetchval("SELECT pg_try_advisory_xact_lock($1)", lock)
    return alone


async def next_part(db: Raw, *, after: str) -> Part | None:
    """The next partition in the order of names that may hold rows of tenants for whom its day is over."""
    row = await db.fetchrow(_NEXT_PART, after)
    return None if row is None else Part(*row)


async def trim(db: Raw, part: Part, *, after: Key, limit: int) -> Trimmed:
    """Look at the next ``limit`` rows of a partition, and remove those that are too old."""
    await db.execute("SET LOCAL enable_seqscan = off")
    row = await db.fetchrow(trimming(part), limit, *after)
    assert row is not None
    return Trimmed(row[0], row[1], None if row[2] is None else tuple(row[2:]))


async def note_trimmed(db: Raw, part: Part) -> None:
    """Write on a partition for whom it has been trimmed."""
    await db.execute(f"COMMENT ON TABLE {part.name} IS '{part.mark}'")
