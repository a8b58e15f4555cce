"""Batches: many new jobs by one request, all of them or none.

All are stored by one statement, in a transaction that is undone if one of them was not. Their ids follow each
other, so whoever knows the first and their number knows all: an idempotency key remembers the first job of a
request, and that is enough to answer its repetition. If that one gave way to its twin, the key remembers the
first that did not.
"""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from app.jobs import placing, unique
from app.jobs import store as reads
from app.jobs.idempotency import Key
from app.jobs.placing import Fresh, Refusal, Twin
from app.jobs.store import KeyUse, Stored
from app.jobs.unique import Claim
from app.jobs.uniqueness import OnConflict
from core import ids
from core.db import Raw
from core.errors import Invalid, NotFound, NotUnique, Unavailable
from core.jobs import store as jobs
from core.jobs.model import Created, NewJob

# Room for as many ids as a batch may have.
_BITS = 10


class FreshBatch(msgspec.Struct, frozen=True):
    """Jobs that were stored just now, in the order given, and twins in place of those that were not."""

    jobs: list[Fresh | Twin]


class StoredBatch(msgspec.Struct, frozen=True):
    """The jobs that the same request made before, as they are now; those that are gone are left out."""

    jobs: list[Stored]


class _Settled(msgspec.Struct, frozen=True):
    """What becomes of new jobs whose twins stand, by their ids: given instead, or cancelled."""

    returned: dict[UUID, Twin]
    replaced: set[UUID]


async def place(db: Raw, batch: Sequence[NewJob], key: Key | None) -> FreshBatch | StoredBatch | Refusal:
    """Store new jobs, all or none; or give those that their key made before; or say why neither.

    The first of them has the key, and their ids are those of `ids_of`.
    """
    if same := unique.doubles(batch):
        return unique.refusal_of_doubles(same)
    transaction = db.transaction()
    await transaction.start()
    try:
        placed = await _placed(db, batch, key)
    except BaseException:
        await transaction.rollback()
        raise
    if isinstance(placed, FreshBatch):
        await transaction.commit()
    else:
        await transaction.rollback()
    return placed


async def _placed(db: Raw, batch: Sequence[NewJob], key: Key | None) -> FreshBatch | StoredBatch | Refusal:
    tenant = batch[0].tenant_id
    claimed = unique.claims(batch)
    twins = await unique.take(db, claimed, tenant=tenant)
    if twins and key is not None and await reads.key_use(db, key, tenant=tenant) is not None:
        return await repeated(db, key, len(batch), tenant=tenant)
    settled = await _beside(db, batch, claimed, twins) if twins else _Settled({}, set())
    if not isinstance(settled, _Settled):
        return settled
    fresh = _keyed([new for new in batch if new.id not in settled.returned], batch[0])
    made = {one.id: one for one in await jobs.create(db, fresh)} if fresh else {}
    strangers = [index for index, new in enumerate(batch) if new.id in made and not made[new.id].queue_known]
    if strangers:
        return Invalid([placing.unknown_queue(f"/jobs/{index}") for index in strangers])
    if all(one.created for one in made.values()):
        return FreshBatch([settled.returned.get(new.id) or _fresh(new, made, settled) for new in batch])
    assert key is not None
    return await repeated(db, key, len(batch), tenant=tenant)


async def _beside(
    db: Raw, batch: Sequence[NewJob], claimed: Sequence[Claim], twins: dict[UUID, UUID]
) -> _Settled | NotUnique | Unavailable:
    """What becomes of the new jobs of a batch whose twins stand."""
    tenant = batch[0].tenant_id
    if rejected := unique.wanting(claimed, twins, OnConflict.REJECT):
        return _refusal(batch, rejected)
    replaced = unique.wanting(claimed, twins, OnConflict.REPLACE)
    if late := await unique.replace(db, claimed, replaced, tenant=tenant):
        return _refusal(batch, {new: twins[new] for new in late}, started=True)
    given = unique.wanting(claimed, twins, OnConflict.RETURN)
    found = {one.id: one for one in await reads.many(db, list(given.values()), tenant=tenant)}
    if len(found) < len(given):
        return Unavailable("A twin has just gone; try again.")
    return _Settled({new: Twin(found[twin]) for new, twin in given.items()}, set(replaced))


def _refusal(batch: Sequence[NewJob], twins: dict[UUID, UUID], *, started: bool = False) -> NotUnique:
    places = {f"/jobs/{index}": twins[new.id] for index, new in enumerate(batch) if new.id in twins}
    return unique.refusal(places, started=started)


def _keyed(fresh: list[NewJob], first: NewJob) -> list[NewJob]:
    """These jobs, the first of which has the key of the batch."""
    if not fresh or fresh[0].id == first.id:
        return fresh
    fresh[0] = msgspec.structs.replace(
        fresh[0], scope=first.scope, key=first.key, request_hash=first.request_hash
    )
    return fresh


def _fresh(new: NewJob, made: dict[UUID, Created], settled: _Settled) -> Fresh:
    created = made[new.id]
    return Fresh(placing.fresh(new, created, None), created.due_in, replaced=new.id in settled.replaced)


def ids_of(first: UUID, count: int) -> list[UUID]:
    """The ids of a batch, from its first (see `first_id`)."""
    return [UUID(int=first.int + index) for index in range(count)]


def first_id() -> UUID:
    """A fresh id that leaves room for those of a whole batch after it."""
    return UUID(int=ids.new().int >> _BITS << _BITS)


async def repeated(db: Raw, key: Key, count: int, *, tenant: UUID) -> StoredBatch | Refusal:
    """The jobs that this key made before, as they are now, or why there are none to show."""
    use = await placing.used(db, key, tenant=tenant)
    if not isinstance(use, KeyUse):
        return use
    found = await reads.many(db, ids_of(use.job_id, count), tenant=tenant)
    return StoredBatch(found[::-1]) if found else NotFound("The jobs of this key are gone.")
