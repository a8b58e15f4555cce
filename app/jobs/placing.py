"""Storing a new job, and answering from what came back.

The way of a new job is one round trip and commits with it. Only where that stored nothing are further
questions asked: was the queue unknown, or the idempotency key used before?

A job that is to be unique takes its place first (see `app.jobs.unique`), in a transaction with the rest. The
same request by its key is still its own job, whatever else stands.

What comes out is a value, so that a transaction around it ends before anybody raises it.
"""

from datetime import UTC
from uuid import UUID

import msgspec

from app.jobs import idempotency, unique
from app.jobs import store as reads
from app.jobs.idempotency import Key
from app.jobs.store import KeyUse, Stored
from app.jobs.unique import Claim
from app.jobs.uniqueness import OnConflict
from core.db import Raw
from core.errors import Fault, Invalid, NotFound, NotUnique, Unavailable
from core.jobs import store as jobs
from core.jobs.model import Created, NewJob, State

Refusal = Invalid | NotFound | NotUnique | Unavailable


class Fresh(msgspec.Struct, frozen=True):
    """A job that was stored just now."""

    job: Stored
    due_in: float
    """Seconds until it is due."""
    replaced: bool = False
    """Whether a twin was cancelled for it."""


class Twin(msgspec.Struct, frozen=True):
    """A job that stands, and is given instead of a new one."""

    job: Stored


async def place(db: Raw, new: NewJob, key: Key | None) -> Fresh | Stored | Twin | Refusal:
    """Store a new job; or give the one that its key made before, or its twin, as it is now; or say why."""
    if new.uniqueness is None:
        return await _stored(db, new, key)
    transaction = db.transaction()
    await transaction.start()
    try:
        placed = await _only(db, new, key)
    except BaseException:
        await transaction.rollback()
        raise
    if isinstance(placed, Fresh):
        await transaction.commit()
    else:
        await transaction.rollback()
    return placed


async def _only(db: Raw, new: NewJob, key: Key | None) -> Fresh | Stored | Twin | Refusal:
    """The same for a job that is to be unique."""
    claimed = unique.claims([new])
    twins = await unique.take(db, claimed, tenant=new.tenant_id)
    if not twins:
        return await _stored(db, new, key)
    if key is not None and await reads.key_use(db, key, tenant=new.tenant_id) is not None:
        return await repeated(db, key, tenant=new.tenant_id)
    return await _beside(db, claimed[0], twins[new.id], key)


async def _beside(db: Raw, claim: Claim, twin: UUID, key: Key | None) -> Fresh | Stored | Twin | Refusal:
    """What becomes of a new job whose twin stands."""
    tenant = claim.job.tenant_id
    if claim.rule.on_conflict is OnConflict.REJECT:
        return unique.refusal({"": twin})
    if claim.rule.on_conflict is OnConflict.RETURN:
        found = await reads.get(db, twin, tenant=tenant)
        return Twin(found) if found is not None else Unavailable("The twin has just gone; try again.")
    if await unique.replace(db, [claim], {claim.job.id: twin}, tenant=tenant):
        return unique.refusal({"": twin}, started=True)
    placed = await _stored(db, claim.job, key)
    return msgspec.structs.replace(placed, replaced=True) if isinstance(placed, Fresh) else placed


async def _stored(db: Raw, new: NewJob, key: Key | None) -> Fresh | Stored | Refusal:
    [created] = await jobs.create(db, [new])
    if (known := outcome(new, created)) is not None:
        return known
    assert key is not None
    return await repeated(db, key, tenant=new.tenant_id)


def outcome(new: NewJob, created: Created) -> Fresh | Invalid | None:
    """What became of a new job; None if its key made one before."""
    if created.created:
        return Fresh(fresh(new, created, new.body), created.due_in)
    return None if created.queue_known else Invalid([unknown_queue()])


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
    is_due = created.fire_at <= created.created_at
    return Stored(
        id=new.id,
        state=State.QUEUED if is_due else State.SCHEDULED,
        queue=new.queue,
        priority=new.priority,
        target_type=new.target_type,
        target=new.target,
        body=body,
        timeout_seconds=created.timeout_seconds,
        success=new.success,
        retry=created.retry,
        labels=new.labels,
        fire_at=created.fire_at,
        expires_at=new.expires_at.astimezone(UTC) if new.expires_at is not None else None,
        replay_of=new.replay_of,
        created_at=created.created_at,
        next_attempt_at=created.created_at if is_due else created.fire_at,
        uniqueness=new.uniqueness,
    )


def unknown_queue(below: str = "") -> Fault:
    """The fault of a queue that this tenant does not have."""
    return Fault("unknown_queue", "is not one of your queues", pointer=f"{below}/queue")
