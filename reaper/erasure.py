"""The end of erased tenants: everything they had, in small batches, and their own row last.

The API has already killed the credentials and stopped the queues. From a minute later on nothing of the
tenant starts any more; a pass then takes one tenant, which no other reaper can take meanwhile, and

1. asks for the abort of what still runs; such a job is left for a later pass, until its lease is gone;
2. removes jobs with all that hangs on them, in the order of their ids, and marks their files, which
   `reaper.artifacts` takes out of the storage;
3. once there are no jobs, removes what is left: history that outlived its job, dead letters, queues;
4. once there is nothing, in the storage neither, removes the tenant.

One row of the audit stays, the one that says who erased the tenant and when.
"""

from uuid import UUID

from core import log
from core.db import Database, Raw

_BATCH = 500
_GRACE_SECONDS = 60.0

_log = log.get(__name__)

_TENANT = """
SELECT id FROM tenants WHERE erased_at < now() - $1::float8 * interval '1 second'
ORDER BY erased_at LIMIT 1 FOR UPDATE SKIP LOCKED
"""
_ABORT = """
UPDATE leases SET cancel_requested_at = now() WHERE job_id = ANY(ARRAY(
  SELECT job_id FROM leases WHERE tenant_id = $1 AND cancel_requested_at IS NULL ORDER BY job_id FOR UPDATE))
"""
_JOBS = """
SELECT id FROM jobs j WHERE tenant_id = $1 AND NOT EXISTS (SELECT FROM leases l WHERE l.job_id = j.id)
ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
"""
_DELETE_OF_JOBS = "DELETE FROM {table} WHERE {key} = ANY($1::uuid[])"
_MARK_FILES = "UPDATE artifacts SET deleted_at = now() WHERE job_id = ANY($1::uuid[]) AND deleted_at IS NULL"
_OF_JOBS = tuple(
    _DELETE_OF_JOBS.format(table=table, key=key)
    for table, key in (
        ("timers", "job_id"),
        ("ready", "job_id"),
        ("endings", "job_id"),
        ("dead_letters", "job_id"),
        ("attempts", "job_id"),
        ("events", "job_id"),
        ("logs", "job_id"),
        ("jobs", "id"),
    )
)
_DELETE = "DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE {which} LIMIT $2)"
_OF_TENANT = tuple(
    _DELETE.format(table=table, key=key, which=which)
    for table, key, which in (
        ("timers", "job_id", "tenant_id = $1"),
        ("ready", "job_id", "tenant_id = $1"),
        ("dead_letters", "job_id", "tenant_id = $1"),
        ("endings", "job_id", "tenant_id = $1"),
        ("idempotency_keys", "tenant_id, scope, key", "tenant_id = $1"),
        ("uniques", "tenant_id, queue_id, key_hash", "tenant_id = $1"),
        ("attempts", "job_id, id", "tenant_id = $1"),
        ("events", "job_id, id", "tenant_id = $1"),
        ("logs", "job_id, attempt, sequence, id", "tenant_id = $1"),
        ("definitions", "id", "tenant_id = $1"),
        ("audit", "id", "tenant_id = $1 AND action <> 'tenant.erased'"),
        ("artifact_usage", "tenant_id", "tenant_id = $1"),
        ("signing_secrets", "id", "tenant_id = $1"),
        ("api_tokens", "id", "tenant_id = $1"),
        ("request_buckets", "tenant_id", "tenant_id = $1"),
        ("limits", "id", "id = $1 OR id IN (SELECT id FROM queues WHERE tenant_id = $1)"),
        ("queues", "id", "tenant_id = $1"),
    )
)
_LAST = """
DELETE FROM tenants t WHERE id = $1
  AND NOT EXISTS (SELECT FROM jobs j WHERE j.tenant_id = t.id)
  AND NOT EXISTS (SELECT FROM leases l WHERE l.tenant_id = t.id)
  AND NOT EXISTS (SELECT FROM artifacts a WHERE a.tenant_id = t.id AND a.emptied_at IS NULL)
"""


class Erasure:
    """Removes what belonged to erased tenants."""

    def __init__(
        self, database: Database, *, grace_seconds: float = _GRACE_SECONDS, batch: int = _BATCH
    ) -> None:
        self._database = database
        self._grace = grace_seconds
        self._batch = batch

    async def once(self) -> int:
        """One batch of one tenant; how many rows went. 0 while leases of the last jobs are waited for."""
        async with self._database.raw() as db, db.transaction():
            tenant = await db.fetchval(_TENANT, self._grace)
            if tenant is None:
                return 0
            # History is partitioned by time: what hangs on no job any more is found by reading it all.
            await db.execute("SET LOCAL statement_timeout = 0")
            await db.execute(_ABORT, tenant)
            removed = await self._jobs(db, tenant) or await self._rest(db, tenant)
            if removed or not await _removed(db, _LAST, tenant):
                return removed
        _log.info("tenant_erased", tenant_id=str(tenant))
        return 1

    async def _jobs(self, db: Raw, tenant: UUID) -> int:
        jobs = [row[0] for row in await db.fetch(_JOBS, tenant, self._batch)]
        for statement in (_MARK_FILES, *_OF_JOBS) if jobs else ():
            await db.execute(statement, jobs)
        return len(jobs)

    async def _rest(self, db: Raw, tenant: UUID) -> int:
        return sum([await _removed(db, statement, tenant, self._batch) for statement in _OF_TENANT])


async def _removed(db: Raw, statement: str, *values: object) -> int:
    return int((await db.execute(statement, *values)).split()[-1])
