"""Uploads: authorized by who may, put by who has the link, confirmed by who may.

    authorize ──► PUT, streamed to the storage ──► confirm ──► seen
        └── entered and charged     └── once, by one at a time

What is not confirmed within the hour is removed by the reaper.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from uuid import UUID

from app.artifacts import store
from app.artifacts.links import UPLOAD_SECONDS
from app.artifacts.schemas import AuthorizeUpload
from app.artifacts.store import Expected, File, NewUpload
from app.errors import Rejected
from core import ids
from core.artifacts import names
from core.artifacts import store as artifacts
from core.artifacts.model import MOST_FILES, key
from core.db import Database
from core.errors import Conflict, Fault, Invalid, NotFound
from core.storage.model import Stored, TooLarge
from core.storage.service import Storage

# After the last byte came: for the storage to have it.
_STORING_SECONDS = 60.0


class Uploads:
    """`largest` is the bytes of one file, `quota` of all files of a tenant."""

    def __init__(self, database: Database, storage: Storage, *, largest: int, quota: int) -> None:
        self._database = database
        self._storage = storage
        self._largest = largest
        self._quota = quota

    async def authorize(self, tenant: UUID, job: UUID, asked: AuthorizeUpload) -> tuple[NewUpload, int]:
        """Enter it; and until when its link is to hold, in epoch seconds."""
        upload = self._upload(tenant, job, asked)
        async with self._database.raw() as db, db.transaction():
            if not await store.hold_job(db, tenant, job):
                raise NotFound
            count, taken = await store.uploads(db, job, upload.name)
            if taken:
                raise Conflict("artifact_exists", "The job has a file by this name, or is to get one.")
            if count >= MOST_FILES:
                raise Conflict("too_many_artifacts", f"The job has {MOST_FILES} uploaded files already.")
            if upload.size > await artifacts.room(db, tenant, quota=self._quota):
                raise Conflict("artifact_quota_reached", "There is no room for it; delete other files first.")
            await store.enter(db, upload)
            await artifacts.charge(db, tenant, upload.size)
            return upload, await store.instant(db, UPLOAD_SECONDS)

    def _upload(self, tenant: UUID, job: UUID, asked: AuthorizeUpload) -> NewUpload:
        if asked.size > self._largest:
            raise _too_large(self._largest)
        name = names.normal(asked.name)
        if name is None:
            message = "must be a plain file name: no path, nothing unprintable, no leading dot"
            raise Invalid([Fault("wrong_format", message, pointer="/name")])
        kind = asked.content_type or names.content_type(name)
        if not names.is_content_type(kind):
            raise Invalid([Fault("wrong_format", "must be a media type", pointer="/content_type")])
        sha256 = None if asked.sha256 is None else bytes.fromhex(asked.sha256)
        return NewUpload(ids.new(), tenant, job, name, asked.size, sha256, kind)

    async def put(
        self, artifact: UUID, body: AsyncIterator[bytes], *, announced: int | None, expires: int
    ) -> None:
        """Store what comes; nothing of it unless it is what was announced."""
        async with self._database.raw() as db, db.transaction():
            expected = _checked(await store.hold_upload(db, artifact, expires=expires), announced)
            until = await store.begin(db, artifact, seconds=UPLOAD_SECONDS + _STORING_SECONDS)
        place = key(expected.tenant_id, expected.job_id, artifact)
        done = False
        try:
            stored = await self._storage.put(place, body, limit=expected.size)
            if isinstance(stored, TooLarge):
                raise _too_large(stored.limit)
            done = _fits(stored, expected) and await self._finish(artifact, until, stored)
            if not done:
                await self._storage.delete(place)
        finally:
            if not done:
                async with self._database.raw() as db:
                    await store.give_up(db, artifact, until)
        if not done:
            _refuse(stored, expected)

    async def _finish(self, artifact: UUID, until: datetime, stored: Stored) -> bool:
        async with self._database.raw() as db:
            return await store.finish(db, artifact, until, stored.sha256)

    async def confirm(self, tenant: UUID, job: UUID, name: str) -> File:
        """Have it seen. A second time changes nothing."""
        async with self._database.raw() as db:
            found = await store.uploaded(db, tenant, job, name)
        if found is None:
            raise NotFound
        done, seen, file = found
        if seen:
            return file
        if not done or await self._storage.size(key(tenant, job, file.id)) != file.size:
            raise Conflict("not_uploaded", "Its bytes have not been put yet.")
        async with self._database.raw() as db:
            if not await store.confirm(db, file.id):
                raise NotFound
        return file


def _checked(expected: Expected | None, announced: int | None) -> Expected:
    if expected is None:
        raise NotFound
    if not expected.holds:
        raise Rejected(403, "link_expired", "The link has expired; ask for another one.")
    if expected.done:
        raise Conflict("already_uploaded", "It was put before; confirm it.")
    if expected.busy:
        raise Conflict("upload_in_progress", "Somebody is putting it now.")
    if announced is not None and announced > expected.size:
        raise _too_large(expected.size)
    if announced is not None and announced < expected.size:
        raise _wrong_size(expected.size)
    return expected


def _fits(stored: Stored, expected: Expected) -> bool:
    return stored.size == expected.size and expected.sha256 in (None, stored.sha256)


def _refuse(stored: Stored, expected: Expected) -> None:
    if stored.size != expected.size:
        raise _wrong_size(expected.size)
    if not _fits(stored, expected):
        raise Invalid([Fault("wrong_checksum", "has another SHA-256 than was announced", pointer="")])
    raise NotFound


def _wrong_size(size: int) -> Invalid:
    return Invalid([Fault("wrong_length", f"must have {size} bytes, as was announced", pointer="")])


def _too_large(limit: int) -> Rejected:
    return Rejected(413, "payload_too_large", f"The file may have {limit} bytes.")
