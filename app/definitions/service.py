"""Making, changing and deleting definitions, each in one transaction with its row in the audit.

A job keeps what its definition said, so nothing here touches one. Only the limit of a definition holds for
all that stand in its lane, from the next claim on.

What comes out is a value, so that the transaction ends before anybody raises it.
"""

import re
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Raw, UnsetType
from msgspec.structs import replace

from app.audit import store as audit
from app.audit.model import Action
from app.definitions import judging
from app.definitions import store as definitions
from app.definitions.schemas import CreateDefinition, EditDefinition
from app.errors import Rejected
from app.jobs import checks, defining, laning, placing, revising
from app.jobs import store as jobs
from app.jobs.laning import Lane
from app.jobs.retargeting import Means
from app.jobs.schemas import CreateAnyTarget, RetryPolicy, SuccessRule
from app.principal import Principal
from core import ids
from core.db import Raw as Db
from core.definitions import store as known
from core.definitions.model import Definition, Name, parse_name
from core.errors import Conflict, Invalid, NotFound
from core.jobs.backoff import Retry

Refusal = Conflict | Invalid | NotFound | Rejected

_ID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_retries = msgspec.json.Decoder(RetryPolicy)
_successes = msgspec.json.Decoder(SuccessRule)
_labels = msgspec.json.Decoder(dict[str, str])


async def find(db: Db, named: str, *, tenant: UUID) -> Definition | None:
    """A definition by what stands in a path: its id, `key@version`, or a key for the newest version."""
    if _ID.fullmatch(named):
        return await known.get(db, UUID(named), tenant=tenant)
    name = parse_name(named)
    return None if name is None else await known.get(db, name, tenant=tenant)


async def create(db: Db, asked: CreateDefinition, principal: Principal, means: Means) -> Definition | Refusal:
    """A new definition."""
    tenant = principal.tenant_id
    async with db.transaction():
        now = await definitions.hold(db, tenant)
        function = await _function(db, asked.target)
        refusal = await _refusal(db, asked, function, means)
        if refusal is not None:
            return refusal
        if await definitions.is_registered(db, asked.key):
            return Conflict("definition_registered", "A registered function has this key.")
        if await definitions.taken(db, Name(asked.key, asked.version), tenant=tenant):
            return Conflict("definition_exists", "Another of your definitions has this key and version.")
        new = judging.stored(asked, means, id=ids.new(), now=now)
        await definitions.add(db, new, tenant=tenant)
        # One of this name may have been deleted, and jobs of it may stand.
        await laning.retire(db, laning.lane_name(new), tenant=tenant)
        await _limit(db, new, function, tenant)
        await audit.record(db, principal, Action.DEFINITION_CREATED, str(new.id), {"name": new.name})
        return new


async def change(
    db: Db, named: str, asked: EditDefinition, principal: Principal, means: Means
) -> Definition | Refusal:
    """Let jobs that are made from now on be as the patch says."""
    tenant = principal.tenant_id
    async with db.transaction():
        now = await definitions.hold(db, tenant)
        before = await _own(db, named, tenant)
        if not isinstance(before, Definition):
            return before
        whole = _merged(before, asked, means)
        function = await _function(db, whole.target)
        refusal = await _refusal(db, whole, function, means)
        if refusal is not None:
            return refusal
        if _said(whole) == _said(_merged(before, EditDefinition(), means)):
            return before
        after = _kept(judging.stored(whole, means, id=before.id, now=now), before, asked)
        if not await _stays(db, after, function, tenant):
            return Conflict(
                "definition_limited", "Its jobs share the limit of another function; make a version."
            )
        await definitions.change(db, after, tenant=tenant)
        if before.concurrency_limit != after.concurrency_limit:
            await _relimit(db, after, function, tenant)
        changed = [name for name in EditDefinition.__struct_fields__ if getattr(asked, name) is not UNSET]
        detail = {"name": after.name, "changed": changed}
        await audit.record(db, principal, Action.DEFINITION_CHANGED, str(after.id), detail)
        return after


async def delete(db: Db, named: str, principal: Principal) -> Refusal | None:
    """Remove a definition. Jobs that were made by it stay as they are."""
    tenant = principal.tenant_id
    async with db.transaction():
        await definitions.hold(db, tenant)
        found = await _own(db, named, tenant)
        if not isinstance(found, Definition):
            return found
        await definitions.delete(db, found.id)
        await audit.record(db, principal, Action.DEFINITION_DELETED, str(found.id), {"name": found.name})
    return None


async def _own(db: Db, named: str, tenant: UUID) -> Definition | NotFound | Conflict:
    found = await find(db, named, tenant=tenant)
    if found is None:
        return NotFound()
    if found.registered:
        return Conflict("definition_registered", "It is of a registered function, and only to be read.")
    return found


async def _refusal(
    db: Db, asked: CreateDefinition, function: Definition | None, means: Means
) -> Invalid | Rejected | None:
    found = judging.refusal(asked, function, means)
    if isinstance(found, Rejected) or (found is not None and found.code != "validation_failed"):
        return found
    faults = [] if found is None else found.faults
    if checks.LANE_MARK not in asked.queue and not await jobs.known_queues(
        db, [asked.queue], tenant=means.tenant
    ):
        faults = [*faults, placing.unknown_queue()]
    return Invalid(faults) if faults else None


async def _function(db: Db, target: CreateAnyTarget) -> Definition | None:
    name = defining.function_name(target)
    return None if name is None else (await known.functions(db, [name])).get(name)


async def _limit(db: Db, new: Definition, function: Definition | None, tenant: UUID) -> None:
    lane = laning.lane_of(new, function) if new.concurrency_limit is not None else None
    if lane is not None:
        await laning.limit(db, lane, tenant=tenant)


async def _relimit(db: Db, after: Definition, function: Definition | None, tenant: UUID) -> None:
    """A lane without a limit of its own stays for the jobs in it."""
    if after.concurrency_limit is not None:
        await _limit(db, after, function, tenant)
    else:
        await laning.limit(db, Lane(laning.lane_name(after), None, None), tenant=tenant)


async def _stays(db: Db, after: Definition, function: Definition | None, tenant: UUID) -> bool:
    """Whether its lane, if it goes on to use one, can hold its new jobs beside those that stand."""
    lane = laning.lane_of(after, function)
    if lane is None or after.concurrency_limit is None:
        return True
    return await laning.shared(db, lane.name, tenant=tenant) in (None, lane.shares)


def _merged(before: Definition, asked: EditDefinition, means: Means) -> CreateDefinition:
    """The definition as if it were made anew."""
    return CreateDefinition(
        key=before.key,
        version=before.version,
        description=_or(asked.description, before.description),
        target=_target(before, means) if isinstance(asked.target, UnsetType) else asked.target,
        queue=_or(asked.queue, before.queue),
        priority=before.priority
        if isinstance(asked.priority, UnsetType)
        else checks.priority(asked.priority),
        timeout_seconds=_or(asked.timeout_seconds, before.timeout_seconds),
        retry=_retry(before, asked),
        success=_or(asked.success, _successes.decode(before.success)),
        labels=_or(asked.labels, _labels.decode(before.labels)),
        concurrency_limit=_or(asked.concurrency_limit, before.concurrency_limit),
        params_schema=_or(asked.params_schema, _raw(before.params_schema)),
        result_schema=_or(asked.result_schema, _raw(before.result_schema)),
    )


def _said(asked: CreateDefinition) -> bytes:
    """For comparing: two raw parts of the same bytes are not equal."""
    return msgspec.json.encode(asked, order="sorted")


def _target(before: Definition, means: Means) -> CreateAnyTarget:
    target = defining.target(before)
    return target if before.sealed is None else defining.opened(target, means.open(before.sealed))


def _kept(after: Definition, before: Definition, asked: EditDefinition) -> Definition:
    """What is not spoken of stays to the letter: the same secrets would be sealed to other bytes."""
    after = replace(after, created_at=before.created_at)
    if isinstance(asked.target, UnsetType):
        return replace(after, target=before.target, sealed=before.sealed)
    return after


def _retry(before: Definition, asked: EditDefinition) -> RetryPolicy | None:
    old = None if before.retry is None else _retries.decode(before.retry)
    if asked.retry is None or isinstance(asked.retry, UnsetType):
        return old if asked.retry is UNSET else None
    merged = revising.merged(Retry() if old is None else old, asked.retry, Retry())
    return msgspec.convert(merged, RetryPolicy, from_attributes=True)


def _raw(schema: str | None) -> Raw | UnsetType:
    return UNSET if schema is None else Raw(schema.encode())


def _or(given: Any, old: Any) -> Any:
    return old if given is UNSET else given
