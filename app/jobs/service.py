"""Making jobs: check, serialise and seal, store in one statement, answer from what came back.

The way of a new job is one round trip and commits with it. Only where that stored nothing are further
questions asked: was the queue unknown, or the idempotency key used before?
"""

from datetime import UTC, datetime
from uuid import UUID

import msgspec

from app.errors import Rejected
from app.hints import Hints
from app.jobs import checks, content, idempotency, masking, reading
from app.jobs import store as reads
from app.jobs.content import Content
from app.jobs.idempotency import Key
from app.jobs.schemas import CreateJob, Job
from app.jobs.store import Stored
from core import ids, metrics
from core.db import Database, Raw
from core.egress.guard import Egress
from core.egress.urls import Url, parse_url
from core.errors import Fault, Invalid, NotFound, Unavailable
from core.jobs import store as jobs
from core.jobs.model import Created, HttpTarget, NewJob, State
from core.sealing import Keyring
from core.tenants.store import header_context

_encoder = msgspec.json.Encoder()
_TRIES = 3


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
        body = self._checked(asked)
        new = self._new(asked, body, origin, key)
        created, repeated = await self._store(new, key)
        if repeated is not None:
            return Made(reading.job(repeated), replayed=True)
        if not created.queue_known:
            raise Invalid([unknown_queue()])
        self.announce(created)
        return Made(reading.job(fresh(new, created)), replayed=False)

    def announce(self, created: Created) -> None:
        """A job was committed."""
        metrics.jobs_created.inc()
        self._hints.work(created.due_in)

    def _checked(self, asked: CreateJob) -> Content:
        faults = checks.faults(asked, now=datetime.now(UTC))
        body = content.taken(asked.target)
        if faults or isinstance(body, Fault):
            raise Invalid(faults)
        url = parse_url(asked.target.url)
        if isinstance(url, Url) and (refusal := self._egress.refuse_literal(url)) is not None:
            fault = Fault(refusal.code, refusal.message, pointer="/target/url")
            raise Invalid([fault], code="destination_refused")
        if len(body.data) > content.MAX_BYTES:
            raise Rejected(413, "payload_too_large", "The job's body is larger than 1 MiB.")
        return body

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

    async def _store(self, new: NewJob, key: Key | None) -> tuple[Created, Stored | None]:
        """What the statement said; where it stored nothing for its key's sake, the job of that key."""
        async with self._database.raw() as db:
            [created] = await jobs.create(db, [new])
            if created.created or not created.queue_known or key is None:
                return created, None
            found = await repeated(db, key, tenant=new.tenant_id)
        if isinstance(found, Stored):
            return created, found
        raise found


async def repeated(db: Raw, key: Key, *, tenant: UUID) -> Stored | Invalid | NotFound | Unavailable:
    """The job that this key made before, as it is now, or why there is none to show."""
    use = await reads.key_use(db, tenant=tenant, scope=key.scope, key=key.text, request_hash=key.request_hash)
    if use is None:
        return Unavailable("The idempotency key has just expired; try again.")
    if not use.same:
        return idempotency.reused()
    return await reads.get(db, use.job_id, tenant=tenant) or NotFound("The job of this key is gone.")


def fresh(new: NewJob, created: Created) -> Stored:
    """A job that was stored just now, without reading it again."""
    due_at = max(created.fire_at, created.created_at)
    return Stored(
        id=new.id,
        state=State.QUEUED if created.due_in <= 0 else State.SCHEDULED,
        queue=new.queue,
        priority=new.priority,
        target=new.target,
        body=new.body,
        timeout_seconds=new.timeout_seconds,
        success=new.success,
        retry=new.retry,
        labels=new.labels,
        fire_at=created.fire_at,
        expires_at=_utc(new.expires_at),
        replay_of=new.replay_of,
        created_at=created.created_at,
        next_attempt_at=due_at,
    )


def unknown_queue() -> Fault:
    """The fault of a queue that this tenant does not have."""
    return Fault("unknown_queue", "is not one of your queues", pointer="/queue")


def _utc(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text is not None else None


def _json(value: object) -> str:
    return _encoder.encode(value).decode()
