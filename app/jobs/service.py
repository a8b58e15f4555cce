"""Making jobs: check, serialise, seal, store, tell a scheduler, answer.

Nothing is stored unless all of a request is right, and every fault of it is told at once.
"""

from datetime import UTC, datetime
from uuid import UUID

import msgspec

from app.errors import Rejected
from app.hints import Hints
from app.jobs import checks, content, masking, placing, reading
from app.jobs import store as jobs
from app.jobs.content import Content
from app.jobs.idempotency import Key
from app.jobs.placing import Fresh
from app.jobs.schemas import CreateJob, Job
from app.jobs.store import Stored
from core import ids, metrics
from core.db import Database
from core.egress.guard import Egress
from core.egress.urls import Url, parse_url
from core.errors import Fault, Invalid, NoonmarkError
from core.jobs.model import HttpTarget, NewJob
from core.sealing import Keyring
from core.tenants.store import header_context

_encoder = msgspec.json.Encoder()


class Origin(msgspec.Struct, frozen=True):
    """Who makes a job, by which request."""

    tenant_id: UUID
    request_id: str
    trace: str | None


class Made(msgspec.Struct, frozen=True):
    """The answer to a creating request."""

    job: Job
    replayed: bool
    """Whether the same request, by its idempotency key, had made it before."""


class Jobs:
    """What the creating routes share."""

    def __init__(self, database: Database, keyring: Keyring, *, egress: Egress, hints: Hints) -> None:
        self._database = database
        self._keyring = keyring
        self._egress = egress
        self._hints = hints

    async def create(self, asked: CreateJob, origin: Origin, key: Key | None) -> Made:
        """Store a new job, or find the one its key made. Raises Invalid with every fault, Rejected (413)."""
        body = await self._checked(asked, origin.tenant_id)
        new = self._new(asked, body, origin, key)
        async with self._database.raw() as db:
            placed = await placing.place(db, new, key)
        return self.finish(placed)

    def finish(self, placed: Fresh | Stored | NoonmarkError) -> Made:
        """The answer to what was committed, or raises what was refused."""
        if isinstance(placed, NoonmarkError):
            raise placed
        if isinstance(placed, Stored):
            return Made(reading.job(placed), replayed=True)
        metrics.jobs_created.inc()
        self._hints.work(placed.due_in)
        return Made(reading.job(placed.job), replayed=False)

    async def _checked(self, asked: CreateJob, tenant: UUID) -> Content:
        """The body to store, of a job that has nothing wrong."""
        faults = checks.faults(asked, now=datetime.now(UTC))
        body = content.taken(asked.target)
        if faults or isinstance(body, Fault):
            raise Invalid(faults + await self._queue_faults(asked.queue, tenant))
        url = parse_url(asked.target.url)
        if isinstance(url, Url) and (refusal := self._egress.refuse_literal(url)) is not None:
            fault = Fault(refusal.code, refusal.message, pointer="/target/url")
            raise Invalid([fault], code="destination_refused")
        if len(body.data) > content.MAX_BYTES:
            raise Rejected(413, "payload_too_large", "The job's body is larger than 1 MiB.")
        return body

    async def _queue_faults(self, queue: str, tenant: UUID) -> list[Fault]:
        async with self._database.raw() as db:
            known = await jobs.knows_queue(db, queue, tenant=tenant)
        return [] if known else [placing.unknown_queue()]

    def _new(self, asked: CreateJob, body: Content, origin: Origin, key: Key | None) -> NewJob:
        plain, secret = masking.divide(asked.target.headers, asked.target.secret_headers)
        target = HttpTarget(
            url=asked.target.url,
            method=asked.target.method,
            headers=plain,
            secret_headers=tuple(secret),
            body_kind=body.kind,
        )
        return NewJob(
            id=ids.new(),
            tenant_id=origin.tenant_id,
            queue=asked.queue,
            priority=checks.priority(asked.priority),
            target_type=asked.target.type,
            target=_json(target),
            body=body.data,
            sealed_headers=self._sealed(secret, origin.tenant_id),
            timeout_seconds=asked.timeout_seconds,
            success=_json(asked.success),
            retry=_json(asked.retry),
            labels=_json(asked.labels),
            fire_at=asked.fire_at.isoformat() if asked.fire_at is not None else None,
            delay_seconds=asked.delay_seconds or 0.0,
            expires_at=asked.expires_at.isoformat() if asked.expires_at is not None else None,
            replay_of=None,
            request_id=origin.request_id,
            trace=origin.trace,
            scope=key.scope if key is not None else "",
            key=key.text if key is not None else None,
            request_hash=key.request_hash if key is not None else b"",
        )

    def _sealed(self, secret: dict[str, str], tenant: UUID) -> bytes | None:
        return self._keyring.seal(_encoder.encode(secret), context=header_context(tenant)) if secret else None


def _json(value: object) -> str:
    return _encoder.encode(value).decode()
