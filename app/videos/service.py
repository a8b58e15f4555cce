"""Videos that are sent: kept while they arrive, then made jobs that encode them.

    enter, charge ──► storage ◄── the form's file, while it arrives
                         └──► its fields judged ──► the job made, the file kept, in one transaction

The file is noted before its first byte, as a file of the job that is to be, under an id that is made first.
Where anything goes wrong after that, nothing of it stays: what is not undone here the reaper finds.
"""

from collections.abc import AsyncIterator
from uuid import UUID

import msgspec
from msgspec import Raw

from app.errors import Rejected
from app.jobs import idempotency, placing
from app.jobs import store as job_store
from app.jobs.code_schemas import CreateFunction
from app.jobs.idempotency import Key
from app.jobs.placing import Fresh
from app.jobs.schemas import CreateJob, RetryPolicy
from app.jobs.service import Jobs, Made, Origin
from app.videos import asking, form, store
from app.videos.asking import Asked
from app.videos.form import Form, Pieces
from app.videos.sniffing import HEAD_BYTES, is_video
from app.videos.store import Sent
from core import ids
from core.artifacts import names
from core.artifacts import store as artifacts
from core.artifacts.model import MOST_BYTES, key
from core.db import Database
from core.errors import Conflict, NoonmarkError
from core.jobs import videos
from core.jobs.model import NewJob
from core.jobs.targets import FunctionTarget, Input
from core.jobs.videos import Wish
from core.storage.model import Stored, TooLarge
from core.storage.service import Storage

PART = "video"
"""Of the form."""
SCOPE = "POST /v1/videos/encode"
_MIB = 1024 * 1024
_encoder = msgspec.json.Encoder()
_targets = msgspec.json.Decoder(FunctionTarget)


class Upload(msgspec.Struct, frozen=True):
    """A video that the storage has, and nobody asked for yet."""

    sent: Sent
    stored: Stored


class Videos:
    """`quota` is the bytes of all files of a tenant."""

    def __init__(self, database: Database, storage: Storage, making: Jobs, *, quota: int) -> None:
        self._database = database
        self._storage = storage
        self._making = making
        self._quota = quota

    async def receive(
        self, tenant: UUID, body: Pieces, boundary: str, *, announced: int | None
    ) -> Form[Upload | None]:
        """The form, its file stored. Raises Rejected (400, 413, 415) and Conflict; then nothing stays."""
        kept: list[Upload] = []

        async def keep(name: str, pieces: Pieces) -> Upload | None:
            upload = await self._keep(tenant, name, pieces, announced=announced)
            if upload is not None:
                kept.append(upload)
            return upload

        try:
            return await form.read(body, boundary, file=PART, keep=keep)
        except BaseException:
            for upload in kept:
                await self._drop(upload.sent)
            raise

    async def _keep(
        self, tenant: UUID, given: str, pieces: Pieces, *, announced: int | None
    ) -> Upload | None:
        """Store what comes; None if nothing does."""
        head = await _head(pieces)
        if not head:
            return None
        if not is_video(head):
            raise Rejected(415, "unsupported_media_type", "The file is no video of a kind that is encoded.")
        sent = _sent(tenant, asking.input_name(given), announced)
        await self._enter(sent)
        try:
            stored = await self._storage.put(
                key(tenant, sent.job_id, sent.id), _all(head, pieces), limit=videos.LARGEST
            )
        except BaseException:
            await self._drop(sent)
            raise
        if isinstance(stored, TooLarge):
            await self._drop(sent)
            raise Rejected(413, "payload_too_large", f"A video may have {videos.LARGEST // _MIB} MiB.")
        return Upload(sent, stored)

    async def encode(self, sent: Form[Upload | None], origin: Origin, given_key: str | None) -> Made:
        """Make the job, or find the one that its key made. Raises Rejected (400) and Invalid."""
        upload = sent.file
        if upload is None:
            raise Rejected(400, "no_file", f"Send a video as the part `{PART}` of the form.")
        try:
            asked = _job(asking.asked(sent.fields), upload)
            key = _key(given_key, asked, upload)
            new = await self._making.compose(asked, origin, key, upload.sent.job_id)
        except NoonmarkError:
            await self._drop(upload.sent)
            raise
        # Where this breaks off nobody knows whether there is a job: a file that has none expires.
        placed = await self._placed(new, upload, key)
        if not isinstance(placed, Fresh):
            await self._drop(upload.sent)
        return self._making.finish(placed)

    async def _drop(self, sent: Sent) -> None:
        """Keep it no longer."""
        async with self._database.raw() as db:
            await store.drop(db, sent.id)

    async def _enter(self, sent: Sent) -> None:
        async with self._database.raw() as db, db.transaction():
            if sent.size > await artifacts.room(db, sent.tenant_id, quota=self._quota):
                raise Conflict("artifact_quota_reached", "There is no room for it; delete other files first.")
            await store.enter(db, sent)
            await artifacts.charge(db, sent.tenant_id, sent.size)

    async def _placed(
        self, new: NewJob, upload: Upload, key: Key | None
    ) -> Fresh | job_store.Stored | placing.Twin | placing.Refusal:
        whole = msgspec.structs.replace(new, target=_with_file(new.target, upload))
        async with self._database.raw() as db, db.transaction():
            placed = await placing.place(db, whole, key)
            if isinstance(placed, Fresh):
                await store.keep(db, upload.sent.id, upload.stored)
            return placed


def _sent(tenant: UUID, name: str, announced: int | None) -> Sent:
    """No more can come than was announced for the whole form."""
    most = videos.LARGEST if announced is None else min(announced, videos.LARGEST)
    return Sent(
        id=ids.new(), tenant_id=tenant, job_id=ids.new(), name=name, size=most,
        content_type=names.content_type(name),
    )  # fmt: skip


async def _head(pieces: Pieces) -> bytes:
    head = b""
    async for piece in pieces:
        head += piece
        if len(head) >= HEAD_BYTES:
            break
    return head


async def _all(head: bytes, pieces: Pieces) -> AsyncIterator[bytes]:
    yield head
    async for piece in pieces:
        yield piece


def _job(asked: Asked, upload: Upload) -> CreateJob:
    wish = Wish(quality=asked.quality, format=asked.format, input=upload.sent.name)
    return CreateJob(
        target=CreateFunction(function=videos.FUNCTION, params=Raw(_encoder.encode(wish))),
        priority=asked.priority,
        timeout_seconds=videos.TIMEOUT_SECONDS,
        retry=RetryPolicy(max_attempts=videos.MAX_ATTEMPTS),
    )


def _with_file(target: str, upload: Upload) -> str:
    """The target with what no request can say."""
    sent, stored = upload.sent, upload.stored
    came = Input(
        job=sent.job_id, artifact=sent.id, name=sent.name, size=stored.size, sha256=stored.sha256.hex()
    )
    function = msgspec.structs.replace(_targets.decode(target), input=came, output_mb=MOST_BYTES // _MIB)
    return _encoder.encode(function).decode()


def _key(given: str | None, asked: CreateJob, upload: Upload) -> Key | None:
    """The same request is the same video, to be encoded in the same way."""
    raw = _encoder.encode([asked.target, asked.priority])
    return idempotency.key(given, scope=SCOPE, about=upload.stored.sha256.hex(), raw=raw)
