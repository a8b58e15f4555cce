"""Storing a new job, and answering from what came back.

The way of a new job is one round trip and commits with it. Only where that stored nothing are further
questions asked: was the queue unknown, or the idempotency key used before?

What comes out is a value, so that a transaction around it ends before anybody raises it.
"""

from datetime import UTC, datetime
from uuid import UUID

import msgspec

from app.jobs import idempotency
from app.jobs import store as reads
from app.jobs.idempotency import Key
from app.jobs.store import KeyUse, Stored
from core.db import Raw
from core.errors import Fault, Invalid, NotFound, Unavailable
from core.jobs import store as jobs
from core.jobs.model import Created, NewJob, State

Refusal = Invalid | NotFound | Unavailable


class Fresh(msgspec.Struct, frozen=True):
    """A job that was stored just now."""

    job: Stored
    due_in: float
    """Seconds until it is due."""


async def place(db: Raw, new: NewJob, key: Key | None) -> Fresh | Stored | Refusal:
    """Store a new job; or give the one that its key made before, as it is now; or say why neither."""
    [created] = await jobs.create(db, [new])
    if created.created:
        return Fresh(fresh(new, created, new.body), created.due_in)
    if not created.queue_known or key is None:
        return Invalid([unknown_queue()])
    return await repeated(db, key, tenant=new.tenant_id)


async def repeated(db: Raw, key: Key, *, tenant: UUID) -> Stored | Refusal:
    """The job that this key made before, as it is now, or why there is none to show."""
    use = await used(db, key, tenant=tenant)
    if not isinstance(use, KeyUse):
        return use
    return await reads.get(db, use.job_id, tenant=tenant) or NotFound("The job of this key is gone.")


async def used(db: Raw, key: Key, *, tenant: UUID) -> KeyUse | Refusal:
    """What this key was used for, if that was the same request."""
    use = await reads.key_use(db, key, tenant=tenant)
    if use is None:
        return Unavailable("The idempotency key has just expired; try again.")
    return use if use.same else idempotency.reused()


def fresh(new: NewJob, created: Created, body: bytes | None) -> Stored:
    """A job that was stored just now, without reading it again."""
    due_at = max(created.fire_at, created.created_at)
    return Stored(
        id=new.id,
        state=State.QUEUED if created.due_in <= 0 else State.SCHEDULED,
        queue=new.queue,
        priority=new.priority,
        target=new.target,
        body=body,
        timeout_seconds=created.timeout_seconds,
        success=new.success,
        retry=created.retry,
        labels=new.labels,
        fire_at=created.fire_at,
        expires_at=_utc(new.expires_at),
        replay_of=new.replay_of,
        created_at=created.created_at,
        next_attempt_at=due_at,
    )


def unknown_queue(below: str = "") -> Fault:
    """The fault of a queue that this tenant does not have."""
    return Fault("unknown_queue", "is not one of your queues", pointer=f"{below}/queue")


def _utc(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text is not None else None
