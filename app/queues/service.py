"""Making, changing and deleting queues, each in one transaction with its row in the audit.

What comes out is a value, so that the transaction ends before anybody raises it.
"""

import re
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from app import limiting
from app.audit import store as audit
from app.audit.model import Action
from app.jobs import checks, revising
from app.limiting import Limit
from app.principal import Principal
from app.queues import store as queues
from app.queues.schemas import NAME, CreateQueue, EditQueue, EditRate, Queue, Rate
from app.queues.store import Stored
from core import ids
from core.db import Raw
from core.errors import Conflict, Fault, Invalid, NotFound
from core.jobs.backoff import Retry

DEFAULT = "default"

_ID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_NAME = re.compile(NAME)
_LANE = re.compile(r"(?:definition|function):[!-~]{1,200}")

Refusal = Conflict | Invalid | NotFound


def shown(stored: Stored) -> Queue:
    """A queue as it is answered."""
    return Queue(
        id=stored.id,
        name=stored.name,
        paused=stored.paused,
        max_concurrency=stored.max_concurrency,
        rate=_rate(stored),
        retry=stored.retry,
        timeout_seconds=stored.timeout_seconds,
        created_at=stored.created_at,
    )


async def find(db: Raw, named: str, *, tenant: UUID) -> Stored | None:
    """A queue by what stands in a path: its id or its name."""
    if _ID.fullmatch(named):
        return await queues.get(db, UUID(named), tenant=tenant)
    known = _NAME.fullmatch(named) or _LANE.fullmatch(named)
    return await queues.get(db, named, tenant=tenant) if known else None


async def create(db: Raw, asked: CreateQueue, principal: Principal) -> Stored | Refusal:
    """A new queue."""
    retry = None if asked.retry is None else msgspec.convert(asked.retry, Retry, from_attributes=True)
    faults = [*_name_faults(asked.name), *(() if retry is None else checks.retry(retry))]
    if faults:
        return Invalid(faults)
    tenant, id = principal.tenant_id, ids.new()
    async with db.transaction():
        now = await queues.hold(db, tenant)
        if await queues.taken(db, asked.name, tenant=tenant, by=id):
            return _exists()
        limit = _limit(asked.max_concurrency, asked.rate)
        rest = msgspec.structs.astuple(limit)
        new = Stored(id, asked.name, asked.paused, retry, asked.timeout_seconds, now, *rest)
        await queues.add(db, new, tenant=tenant)
        await limiting.put(db, id, limit, tenant=tenant)
        await audit.record(db, principal, Action.QUEUE_CREATED, str(id), {"name": asked.name})
        return new


async def change(db: Raw, named: str, asked: EditQueue, principal: Principal) -> Stored | Refusal:
    """Change what the patch names, for every replica with its next claim."""
    tenant = principal.tenant_id
    async with db.transaction():
        await queues.hold(db, tenant)
        before = await find(db, named, tenant=tenant)
        if before is None:
            return NotFound()
        if before.lane:
            return _is_lane()
        after = _changed(before, asked)
        if not isinstance(after, Stored):
            return after
        if after.name != before.name and await queues.taken(db, after.name, tenant=tenant, by=before.id):
            return _exists()
        if after != before:
            await queues.change(db, after, tenant=tenant)
            await limiting.put(db, after.id, _limit(after.max_concurrency, _rate(after)), tenant=tenant)
            await audit.record(db, principal, Action.QUEUE_CHANGED, str(after.id), _difference(before, after))
        return after


async def pause(db: Raw, named: str, principal: Principal, *, paused: bool) -> Stored | NotFound:
    """Stop or start a queue; doing it again changes nothing."""
    async with db.transaction():
        await queues.hold(db, principal.tenant_id)
        found = await find(db, named, tenant=principal.tenant_id)
        if found is None:
            return NotFound()
        if found.paused != paused:
            await queues.pause(db, found.id, paused=paused)
            action = Action.QUEUE_PAUSED if paused else Action.QUEUE_RESUMED
            await audit.record(db, principal, action, str(found.id), {"name": found.name})
    return msgspec.structs.replace(found, paused=paused)


async def delete(db: Raw, named: str, principal: Principal) -> Refusal | None:
    """Delete a queue in which nothing waits or runs."""
    tenant = principal.tenant_id
    async with db.transaction():
        await queues.hold(db, tenant)
        found = await find(db, named, tenant=tenant)
        if found is None:
            return NotFound()
        if found.name == DEFAULT:
            return _is_default()
        if found.lane:
            return _is_lane()
        if await queues.busy(db, found.id):
            return Conflict(
                "queue_not_empty", "Jobs wait or run in this queue; cancel them, or let them end."
            )
        await limiting.put(db, found.id, Limit(), tenant=tenant)
        await queues.delete(db, found.id)
        await audit.record(db, principal, Action.QUEUE_DELETED, str(found.id), {"name": found.name})
    return None


def _changed(before: Stored, asked: EditQueue) -> Stored | Conflict | Invalid:
    name = before.name if isinstance(asked.name, UnsetType) else asked.name
    if before.name == DEFAULT != name:
        return _is_default()
    rate, retry = _new_rate(before, asked.rate), _new_retry(before, asked)
    faults = [*_name_faults(name), *(() if retry is None else checks.retry(retry))]
    if isinstance(rate, Fault):
        faults.append(rate)
    if faults or isinstance(rate, Fault):
        return Invalid(faults)
    most = before.max_concurrency if isinstance(asked.max_concurrency, UnsetType) else asked.max_concurrency
    return msgspec.structs.replace(
        before,
        name=name,
        paused=before.paused if isinstance(asked.paused, UnsetType) else asked.paused,
        retry=retry,
        timeout_seconds=(
            before.timeout_seconds if isinstance(asked.timeout_seconds, UnsetType) else asked.timeout_seconds
        ),
        **msgspec.structs.asdict(_limit(most, rate)),
    )


def _new_rate(before: Stored, asked: EditRate | UnsetType | None) -> Rate | Fault | None:
    old = _rate(before)
    if isinstance(asked, UnsetType):
        return old
    if asked is None:
        return None
    given = {name: value for name, value in msgspec.structs.asdict(asked).items() if value is not UNSET}
    if old is not None:
        return msgspec.structs.replace(old, **given)
    return Rate(**given) if "count" in given else Fault("missing", "is required", pointer="/rate/count")


def _new_retry(before: Stored, asked: EditQueue) -> Retry | None:
    if asked.retry is None:
        return None
    if isinstance(asked.retry, UnsetType):
        return before.retry
    return revising.merged(before.retry or Retry(), asked.retry, Retry())


def _rate(stored: Stored) -> Rate | None:
    count, seconds, burst = stored.rate_count, stored.rate_seconds, stored.rate_burst
    if count is None or seconds is None or burst is None:
        return None
    return Rate(count, seconds, burst)


def _limit(most: int | None, rate: Rate | None) -> Limit:
    if rate is None:
        return Limit(most)
    return Limit(most, rate.count, rate.period_seconds, rate.burst)


def _difference(before: Stored, after: Stored) -> dict[str, Any]:
    old = msgspec.structs.asdict(before)
    return {name: value for name, value in msgspec.structs.asdict(after).items() if value != old[name]}


def _name_faults(name: str) -> list[Fault]:
    """A pattern lets a line break at the end pass."""
    return [] if _NAME.fullmatch(name) else [Fault("wrong_format", f"must match {NAME}", pointer="/name")]


def _exists() -> Conflict:
    return Conflict("queue_exists", "Another of your queues has this name.")


def _is_default() -> Conflict:
    return Conflict("queue_is_default", "The queue `default` cannot be renamed or deleted.")


def _is_lane() -> Conflict:
    return Conflict("queue_is_lane", "It belongs to a definition that is limited; change that.")
