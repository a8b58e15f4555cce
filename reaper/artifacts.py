"""The end of files of jobs: out of the storage first, and only then forgotten.

    expired uploads, deleted files, files of gone jobs ──► marked ──► out of the storage ──► forgotten

A mark is a committed row, so a file whose removal fails, or is cut off, is found again. Whoever was still
writing while it was removed is done an hour later: then it is removed once more, and its row goes. Nothing
here holds a transaction while it talks to the storage, and two at once only remove twice.
"""

import asyncio
from uuid import UUID

import msgspec

from core import log, metrics
from core.artifacts.model import key
from core.db import Database
from core.errors import StorageAway
from core.storage.service import Storage

_BATCH = 200
_AT_ONCE = 8
# Longer than anything may take to write one file.
_AGAIN_SECONDS = 3600.0
_REMNANT_SECONDS = 86_400.0

_log = log.get(__name__)

_EXPIRE = """
UPDATE artifacts SET deleted_at = now() WHERE id = ANY(ARRAY(
  SELECT id FROM artifacts WHERE expires_at < now() AND deleted_at IS NULL AND stored_at IS NULL
    AND (put_until IS NULL OR put_until < now())
  ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED))
"""
# A walk in the order of the key, so that one that cannot be removed does not stand in the way of others.
_MARKED = """
SELECT id, tenant_id, job_id, emptied_at IS NOT NULL FROM artifacts
WHERE deleted_at IS NOT NULL AND id > $1
  AND (emptied_at IS NULL OR emptied_at < now() - $3 * interval '1 second')
ORDER BY id LIMIT $2
"""
# What a tenant has is counted by tenant, in the order of the key: two reapers must not wait for each other.
_EMPTIED = """
WITH empty AS MATERIALIZED (
  UPDATE artifacts SET emptied_at = now() WHERE id = ANY(ARRAY(
    SELECT id FROM artifacts WHERE id = ANY($1::uuid[]) AND emptied_at IS NULL
    ORDER BY id FOR UPDATE SKIP LOCKED))
  RETURNING tenant_id, size),
sums AS MATERIALIZED (SELECT tenant_id, sum(size) AS bytes FROM empty GROUP BY tenant_id),
held AS MATERIALIZED (
  SELECT u.tenant_id FROM artifact_usage u JOIN sums s ON s.tenant_id = u.tenant_id
  ORDER BY u.tenant_id FOR UPDATE OF u)
UPDATE artifact_usage u SET bytes = greatest(0, u.bytes - s.bytes)
FROM sums s JOIN held h ON h.tenant_id = s.tenant_id WHERE u.tenant_id = s.tenant_id
"""
_FORGET = "DELETE FROM artifacts WHERE id = ANY($1::uuid[]) AND emptied_at IS NOT NULL"


class _Marked(msgspec.Struct, frozen=True):
    """A file that is to go. Field order is the statement's."""

    id: UUID
    tenant_id: UUID
    job_id: UUID
    again: bool
    """Whether it was removed before."""


class ArtifactSweep:
    """Removes files that are not wanted any more."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        *,
        again_seconds: float = _AGAIN_SECONDS,
        batch: int = _BATCH,
    ) -> None:
        self._database = database
        self._storage = storage
        self._again = again_seconds
        self._batch = batch
        self._after = UUID(int=0)

    async def once(self) -> int:
        """One batch; 0 at the end of the walk, else how many were looked at."""
        async with self._database.raw() as db:
            await db.execute(_EXPIRE, self._batch)
            rows = await db.fetch(_MARKED, self._after, self._batch, self._again)
        marked = [_Marked(*row) for row in rows]
        self._after = marked[-1].id if len(marked) == self._batch else UUID(int=0)
        gone = await self._removed(marked)
        await self._note(gone)
        if len(gone) < len(marked):
            _log.warning("artifacts_not_removed", count=len(marked) - len(gone))
            return 0
        return len(marked) if len(marked) == self._batch else 0

    async def _removed(self, marked: list[_Marked]) -> list[_Marked]:
        """Those that are out of the storage."""
        turns = asyncio.Semaphore(_AT_ONCE)

        async def remove(one: _Marked) -> _Marked | None:
            async with turns:
                try:
                    await self._storage.delete(key(one.tenant_id, one.job_id, one.id))
                except StorageAway:
                    return None
                return one

        found = await asyncio.gather(*(remove(one) for one in marked))
        return [one for one in found if one is not None]

    async def _note(self, gone: list[_Marked]) -> None:
        first = [one.id for one in gone if not one.again]
        last = [one.id for one in gone if one.again]
        async with self._database.raw() as db:
            if first:
                await db.execute(_EMPTIED, first)
            if last:
                await db.execute(_FORGET, last)
        metrics.rows_removed.labels("artifacts").inc(len(last))
        if first:
            _log.info("artifacts_removed", count=len(first))

    async def remnants(self) -> int:
        """Remove what killed writers left in the storage. Always 0: once in a while is enough."""
        swept = await self._storage.sweep(older_seconds=_REMNANT_SECONDS)
        if swept:
            _log.info("remnants_removed", count=swept)
        return 0
