"""The hot statements: every move of a job between the tables that are its state.

Each is one round trip for N jobs and all or nothing. What they share:

- rows are picked once (``AS MATERIALIZED``), in key order, skipping what somebody else holds, and deleted by
  an array of their keys, so that the plan cannot turn into a scan of the backlog;
- the row that leaves one table and the row that enters the next are written by the same statement, so a job
  is always in exactly one place;
- only the database's clock is asked what is due;
- watermarks (``due_at >=``, ``rank_at >=``) only save work among dead rows; nothing is correct because of them.
"""

from collections.abc import Mapping

import msgspec

from core.jobs.backoff import Retry
from core.jobs.model import TIMEOUT_SECONDS

# A job's place in its queue: earlier is sooner, and a point of priority is worth this many seconds of waiting.
# A low job therefore starts at the latest 100 steps after a critical one that was ready at the same instant.
STEP_SECONDS = 3
RANK_SPAN_SECONDS = 100 * STEP_SECONDS
_STEP = f"interval '{STEP_SECONDS} seconds'"

# A lease's deadline leaves this much for the way from the claim to the dial and back.
_SLACK = "interval '5 seconds'"
# Code is stopped with a grace, and what it printed is written, before its end is settled.
_CODE_SLACK = "interval '45 seconds'"

# What holds for a job if neither it nor its queue says otherwise.
_RETRY = msgspec.json.encode(Retry()).decode()


def _given(columns: Mapping[str, str]) -> str:
    """Rows of these columns: what all of them share comes once, in one object; what they differ in as arrays,
    of which the others are empty. Arrays of one value many times would cost both sides as much as any."""
    return f"""
  SELECT {", ".join(f"coalesce(own.{name}, shared.{name}) AS {name}" for name in columns)}
  FROM unnest({", ".join(f"${place}::{kind}[]" for place, kind in enumerate(columns.values(), 2))})
    AS own({", ".join(columns)})
  CROSS JOIN jsonb_to_record($1) AS shared({", ".join(f"{name} {kind}" for name, kind in columns.items())})"""


# By the fields of NewJob.
NEW_JOB = {
    "id": "uuid",
    "tenant_id": "uuid",
    "queue": "text",
    "priority": "int2",
    "target_type": "text",
    "target": "jsonb",
    "body": "bytea",
    "sealed_headers": "bytea",
    "timeout_seconds": "int",
    "success": "jsonb",
    "retry": "jsonb",
    "labels": "jsonb",
    "fire_at": "timestamptz",
    "delay_seconds": "float8",
    "expires_at": "timestamptz",
    "replay_of": "uuid",
    "request_id": "text",
    "trace": "text",
    "scope": "text",
    "key": "text",
    "request_hash": "bytea",
    "uniqueness": "jsonb",
    "needs": "int2",
}
CREATE = f"""
WITH placed AS MATERIALIZED (
  SELECT g.*, q.id AS queue_id, coalesce(g.timeout_seconds, q.timeout_seconds, {TIMEOUT_SECONDS}) AS timeout,
         coalesce(g.retry, q.retry, '{_RETRY}') AS policy,
         coalesce(g.fire_at, now() + g.delay_seconds * interval '1 second') AS fires_at
  FROM ({_given(NEW_JOB)}) g LEFT JOIN queues q ON q.tenant_id = g.tenant_id AND q.name = g.queue AND q.deleted_at IS NULL),
keys AS (
  INSERT INTO idempotency_keys AS k (tenant_id, scope, key, request_hash, job_id, expires_at)
  SELECT tenant_id, scope, key, request_hash, id, now() + interval '24 hours'
  FROM placed WHERE key IS NOT NULL AND queue_id IS NOT NULL ORDER BY tenant_id, scope, key
  ON CONFLICT (tenant_id, scope, key) DO UPDATE
    SET request_hash = excluded.request_hash, job_id = excluded.job_id, expires_at = excluded.expires_at
    WHERE k.expires_at <= now()
  RETURNING k.job_id),
judged AS NOT MATERIALIZED (
  SELECT p.*, greatest(p.fires_at, now()) AS due_at,
         p.queue_id IS NOT NULL AND (p.key IS NULL OR p.id IN (SELECT job_id FROM keys)) AS fresh
  FROM placed p),
made AS (
  INSERT INTO jobs (id, tenant_id, queue_id, priority, target_type, target, body, sealed_headers, timeout_seconds,
                    success, retry, labels, fire_at, expires_at, replay_of, request_id, trace, due_at_once,
                    uniqueness)
  SELECT id, tenant_id, queue_id, priority, target_type, target, body, sealed_headers, timeout,
         success, policy, labels, fires_at, expires_at, replay_of, request_id, trace, due_at <= now(), uniqueness
  FROM judged WHERE fresh),
later AS (
  INSERT INTO timers (job_id, tenant_id, queue_id, due_at, attempt, losses, priority, needs)
  SELECT id, tenant_id, queue_id, due_at, 1, 0, priority, needs FROM judged WHERE fresh AND due_at > now()),
at_once AS (
  INSERT INTO ready (queue_id, rank_at, job_id, tenant_id, due_at, attempt, losses, priority, needs)
  SELECT queue_id, due_at - priority * {_STEP}, id, tenant_id, due_at, 1, 0, priority, needs
  FROM judged WHERE fresh AND due_at <= now())
SELECT id, fresh, queue_id IS NOT NULL, fires_at, now(), timeout, policy::text
FROM judged
"""

# Which queues have due work, by loose index scans, one for each kind of need that is offered: one probe a queue,
# whatever its backlog; what they are is looked up for all at once. Paused ones are named too, so that whoever
# asks knows how far the look went.
SURVEY = """
WITH RECURSIVE lane AS (
  SELECT offer.needs, n.queue_id, n.tenant_id, 1 AS seen FROM unnest($4::int2[]) AS offer(needs) CROSS JOIN LATERAL (
    SELECT r.queue_id, r.tenant_id FROM ready r
    WHERE r.needs = offer.needs AND r.queue_id > $3 ORDER BY r.queue_id LIMIT 1) n
  WHERE $2 > 0
  UNION ALL
  SELECT lane.needs, n.queue_id, n.tenant_id, lane.seen + 1 FROM lane CROSS JOIN LATERAL (
    SELECT r.queue_id, r.tenant_id FROM ready r
    WHERE r.needs = lane.needs AND r.queue_id > lane.queue_id ORDER BY r.queue_id LIMIT 1) n
  WHERE lane.seen < $2),
going AS MATERIALIZED (
  SELECT id, limited FROM queues WHERE id = ANY(ARRAY(SELECT queue_id FROM lane)) AND NOT paused)
SELECT extract(epoch FROM clock_timestamp())::float8,
       (SELECT extract(epoch FROM due_at)::float8 FROM timers WHERE due_at >= $1 ORDER BY due_at, job_id LIMIT 1),
       lane.queue_id, lane.tenant_id, going.limited, lane.needs, lane.seen
FROM (VALUES (1)) one LEFT JOIN lane ON true LEFT JOIN going ON going.id = lane.queue_id
ORDER BY lane.queue_id, lane.needs
"""

# Due timers become ready. Order of due, so that a backlog of timers is planned oldest first.
PLAN = f"""
WITH due AS MATERIALIZED (
  SELECT job_id FROM timers WHERE due_at >= $2 AND due_at <= now()
  ORDER BY due_at, job_id LIMIT $1 FOR UPDATE SKIP LOCKED),
gone AS (
  DELETE FROM timers WHERE job_id = ANY(ARRAY(SELECT job_id FROM due))
  RETURNING job_id, tenant_id, queue_id, due_at, attempt, losses, priority, needs, clock_timestamp() AS at),
moved AS (
  INSERT INTO ready (queue_id, rank_at, job_id, tenant_id, due_at, attempt, losses, priority, needs)
  SELECT queue_id, due_at - priority * {_STEP}, job_id, tenant_id, due_at, attempt, losses, priority, needs
  FROM gone),
told AS (
  INSERT INTO events (id, job_id, tenant_id, kind, at, attempt)
  SELECT mint(at, 0), job_id, tenant_id, 'queued', now(), attempt FROM gone)
SELECT count(*) FROM gone
"""

# Shared by the claims: rows that left their table become leases, and come back with all an attempt needs.
LEASE = f"""
work AS MATERIALIZED (
  SELECT g.job_id, g.attempt, gen_random_uuid() AS lease_token, g.tenant_id, g.queue_id, g.losses, g.due_at,
         g.priority, g.needs, greatest(g.due_at, statement_timestamp()) + j.timeout_seconds * interval '1 second'
           + CASE g.needs WHEN 0 THEN {_SLACK} ELSE {_CODE_SLACK} END AS deadline_at,
         j.expires_at, j.timeout_seconds, j.target_type, j.target, j.body, j.sealed_headers, j.success, j.retry,
         j.request_id, j.trace
  FROM gone g JOIN jobs j ON j.id = g.job_id),
taken AS (
  INSERT INTO leases (job_id, tenant_id, queue_id, due_at, attempt, losses, priority, needs, lease_token,
                      replica_id, claimed_at, deadline_at, limited{{more}})
  SELECT job_id, tenant_id, queue_id, due_at, attempt, losses, priority, needs, lease_token,
         $1, statement_timestamp(), deadline_at, {{limited}}
  FROM work)
SELECT job_id, attempt, lease_token, tenant_id, queue_id, losses,
       extract(epoch FROM due_at)::float8, extract(epoch FROM deadline_at)::float8,
       extract(epoch FROM expires_at)::float8, timeout_seconds, target_type, target::text, body, sealed_headers,
       success::text, retry::text, request_id, trace, needs
FROM work ORDER BY due_at - priority * {_STEP}, job_id
"""

_UNLIMITED = LEASE.format(limited="false", more="")

# Ready jobs become leases: so many of each queue as the round gives it, if it is neither paused nor limited. The
# array is named twice so that the queues are looked up at once.
CLAIM = f"""
WITH picked AS MATERIALIZED (
  SELECT x.job_id FROM unnest($2::uuid[], $3::int[], $4::float8[], $5::int2[]) AS lane(queue_id, quota, since, needs)
  JOIN queues q ON q.id = lane.queue_id AND q.id = ANY($2::uuid[]) AND NOT q.paused AND NOT q.limited
  CROSS JOIN LATERAL (
    SELECT r.job_id FROM ready r
    WHERE r.needs = lane.needs AND r.queue_id = lane.queue_id AND r.rank_at >= to_timestamp(lane.since)
    ORDER BY r.rank_at, r.job_id LIMIT lane.quota FOR UPDATE SKIP LOCKED) x),
gone AS (
  DELETE FROM ready WHERE job_id = ANY(ARRAY(SELECT job_id FROM picked))
  RETURNING job_id, tenant_id, queue_id, due_at, attempt, losses, priority, needs),
{_UNLIMITED}
"""

# Timers of the next moment become leases without passing through ready, but not of queues where jobs wait before
# them: the survey has just named those, and asking `ready` again would walk over all dead rows of the queue. The
# look goes back a second only: of a backlog that is long due every row would be read in vain, round after round.
CLAIM_AHEAD = f"""
WITH picked AS MATERIALIZED (
  SELECT t.job_id FROM timers t JOIN queues q ON q.id = t.queue_id
  WHERE t.due_at >= now() - interval '1 second' AND t.due_at <= now() + $3::float8 * interval '1 second'
    AND t.needs = ANY($4::int2[]) AND NOT q.paused AND NOT q.limited
    AND t.queue_id <> ALL($5::uuid[])
  ORDER BY t.due_at, t.job_id LIMIT $2 FOR UPDATE OF t SKIP LOCKED),
gone AS (
  DELETE FROM timers WHERE job_id = ANY(ARRAY(SELECT job_id FROM picked))
  RETURNING job_id, tenant_id, queue_id, due_at, attempt, losses, priority, needs),
{_UNLIMITED}
"""

# N leases end. The fence is the lock: a lease is taken only if job, attempt and token all match its newest version,
# and what that version says is obeyed, so that a cancel request that arrived a moment ago counts. Each is looked up
# by its key (the look-up cannot be joined in another way), so that the cost of a job does not grow with the batch.
# Safe to repeat: a second time finds its own attempts, which have its outcome too; the reaper's, under the same
# token, are `lost`, and mean that we were fenced. An attempt of code starts as its lease does, before all it tells.
# By the fields of Settlement.
SETTLEMENT = {
    "job_id": "uuid",
    "attempt": "int2",
    "lease_token": "uuid",
    "outcome": "text",
    "retry_seconds": "float8",
    "started_ago": "float8",
    "duration": "float8",
    "request_id": "text",
    "bytes_sent": "int",
    "status": "int2",
    "headers": "bytea",
    "body": "bytea",
    "truncated": "bool",
    "error_code": "text",
    "error_message": "text",
}

SETTLE = f"""
WITH inp AS MATERIALIZED (
  SELECT * FROM ({_given(SETTLEMENT)}) g ORDER BY job_id),
held AS MATERIALIZED (
  SELECT i.*, l.tenant_id, l.queue_id, l.due_at, l.losses, l.priority, l.needs, l.replica_id, l.cancel_requested_at,
         greatest(l.due_at, l.claimed_at) AS begun_at
  FROM inp i LEFT JOIN LATERAL (
    SELECT * FROM leases l
    WHERE l.job_id = i.job_id AND l.attempt = i.attempt AND l.lease_token = i.lease_token FOR UPDATE) l ON true),
gone AS (
  DELETE FROM leases WHERE job_id = ANY(ARRAY(SELECT job_id FROM held WHERE tenant_id IS NOT NULL))),
fates AS MATERIALIZED (
  SELECT h.*, clock_timestamp() AS at,
         now() + retry_seconds * interval '1 second' AS retry_at,
         CASE WHEN tenant_id IS NULL THEN NULL
              WHEN outcome = 'succeeded' THEN 'succeeded'
              WHEN cancel_requested_at IS NOT NULL THEN 'cancelled'
              WHEN outcome IS NULL THEN 'returned'
              WHEN retry_seconds IS NULL THEN 'failed'
              ELSE 'retrying' END AS fate
  FROM held h),
tries AS (
  INSERT INTO attempts (job_id, id, tenant_id, number, lease_token, replica_id, outcome, started_at, finished_at,
                        duration_ms, request_id, bytes_sent, status, headers, body, truncated, error_code,
                        error_message)
  SELECT job_id, mint(at, 0), tenant_id, attempt, lease_token, replica_id, outcome,
         CASE needs WHEN 0 THEN at - started_ago * interval '1 second'
                    ELSE least(begun_at, at - started_ago * interval '1 second') END,
         at - (started_ago - duration) * interval '1 second',
         duration * 1000, request_id, bytes_sent, status, headers, body, truncated, error_code, error_message
  FROM fates WHERE outcome IS NOT NULL AND fate IS NOT NULL),
again AS (
  INSERT INTO timers (job_id, tenant_id, queue_id, due_at, attempt, losses, priority, needs)
  SELECT job_id, tenant_id, queue_id, retry_at, attempt + 1,
         CASE WHEN outcome = 'lost' THEN losses + 1 ELSE 0 END, priority, needs
  FROM fates WHERE fate = 'retrying'
  UNION ALL
  SELECT job_id, tenant_id, queue_id, due_at, attempt, losses, priority, needs
  FROM fates WHERE fate = 'returned' AND due_at > now()),
back AS (
  INSERT INTO ready (queue_id, rank_at, job_id, tenant_id, due_at, attempt, losses, priority, needs)
  SELECT queue_id, due_at - priority * {_STEP}, job_id, tenant_id, due_at, attempt, losses, priority, needs
  FROM fates WHERE fate = 'returned' AND due_at <= now()),
ended AS (
  INSERT INTO endings (job_id, tenant_id, state, attempts, error_code, error_message, finished_at,
                       cancel_requested_at)
  SELECT job_id, tenant_id, fate, CASE WHEN outcome IS NULL THEN attempt - 1 ELSE attempt END,
         error_code, error_message, at, cancel_requested_at
  FROM fates WHERE fate IN ('succeeded', 'failed', 'cancelled')),
dead AS (
  INSERT INTO dead_letters (job_id, tenant_id, queue_id, priority, target_type, target, body, sealed_headers,
                            timeout_seconds, success, retry, labels, fire_at, expires_at, uniqueness, created_at,
                            attempts, error_code, error_message, failed_at)
  SELECT j.id, j.tenant_id, j.queue_id, j.priority, j.target_type, j.target, j.body, j.sealed_headers,
         j.timeout_seconds, j.success, j.retry, j.labels, j.fire_at, j.expires_at, j.uniqueness, j.created_at,
         f.attempt, f.error_code, f.error_message, f.at
  FROM fates f JOIN jobs j ON j.id = f.job_id WHERE f.fate = 'failed'),
told AS (
  INSERT INTO events (id, job_id, tenant_id, kind, at, attempt, data)
  SELECT mint(at, 2), job_id, tenant_id, fate, at, attempt,
         CASE WHEN fate IN ('retrying', 'failed') THEN jsonb_strip_nulls(jsonb_build_object(
           'outcome', outcome, 'error_code', error_code, 'status', status,
           'retry_at', CASE fate WHEN 'retrying' THEN retry_at END)) END
  FROM fates WHERE fate IS NOT NULL
  UNION ALL
  SELECT mint(at, 3), job_id, tenant_id, 'dead_lettered', at, attempt, NULL FROM fates WHERE fate = 'failed')
SELECT job_id, lease_token,
       coalesce(fate,
                (SELECT 'repeated' FROM attempts a
                 WHERE a.job_id = f.job_id AND a.lease_token = f.lease_token AND a.outcome = f.outcome LIMIT 1),
                'fenced'),
       extract(epoch FROM CASE fate WHEN 'retrying' THEN retry_at WHEN 'returned' THEN due_at END)::float8
FROM fates f
"""

HELD = """
SELECT job_id, attempt, lease_token, cancel_requested_at IS NOT NULL FROM leases WHERE replica_id = $1
"""

# Leases that nobody keeps: their replica has no fresh row, or they overran their deadline by a margin.
_KEPT_BY_NOBODY = """
  (NOT EXISTS (SELECT FROM replicas r WHERE r.id = l.replica_id AND r.expires_at > now())
   OR l.deadline_at < now() - $1::float8 * interval '1 second')
"""

ANY_EXPIRED = f"SELECT EXISTS (SELECT FROM leases l WHERE {_KEPT_BY_NOBODY})"

EXPIRED = f"""
SELECT l.job_id, l.attempt, l.lease_token, l.losses,
       greatest(0, extract(epoch FROM now() - greatest(l.claimed_at, l.due_at)))::float8, j.retry::text, j.request_id,
       extract(epoch FROM j.expires_at - now())::float8, j.trace
FROM leases l JOIN jobs j ON j.id = l.job_id
WHERE {_KEPT_BY_NOBODY}
ORDER BY l.job_id LIMIT $2 FOR UPDATE OF l SKIP LOCKED
"""
