"""Batches: many new jobs by one request, all of them or none.

All are stored by one statement, in a transaction that is undone if one of them was not. Their ids follow each
other, so whoever knows the first and their number knows all: an idempotency key remembers the first job of a
request, and that is enough to answer its repetition.
"""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from app.jobs import placing
from app.jobs import store as reads
from app.jobs.idempotency import Key
from app.jobs.placing import Refusal
from app.jobs.store import KeyUse, Stored
from core import ids
from core.db import Raw
from core.errors import Invalid, NotFound
from core.jobs import store as jobs
from core.jobs.model import Created, NewJob

# Room for as many ids as a batch may have.
_BITS = 10


class FreshBatch(msgspec.Struct, frozen=True):
    """Jobs that were stored just now, in the order given."""

    jobs: list[Stored]
    due_in: float
    """Seconds until the first of them is due."""


class StoredBatch(msgspec.Struct, frozen=True):
    """The jobs that the same request made before, as they are now; those that are gone are left out."""

    jobs: list[Stored]


async def place(db: Raw, batch: Sequence[NewJob], key: Key | None) -> FreshBatch | StoredBatch | Refusal:
    """Store new jobs, all or none; or give those that their key made before; or say why neither.

    The first of them has the key, and their ids are those of `ids_of`.
    """
    made = await _all_or_none(db, batch)
    strangers = [index for index, new in enumerate(batch) if not made[new.id].queue_known]
    if strangers:
        return Invalid([placing.unknown_queue(f"/jobs/{index}") for index in strangers])
    if all(one.created for one in made.values()):
        stored = [placing.fresh(new, made[new.id], None) for new in batch]
        return FreshBatch(stored, min(one.due_in for one in made.values()))
    assert key is not None
    return await _repeated(db, key, len(batch), tenant=batch[0].tenant_id)


def ids_of(first: UUID, count: int) -> list[UUID]:
    """The ids of a batch, from its first (see `first_id`)."""
    return [UUID(int=first.int + index) for index in range(count)]


def first_id() -> UUID:
    """A fresh id that leaves room for those of a whole batch after it."""
    return UUID(int=ids.new().int >> _BITS << _BITS)


async def _all_or_none(db: Raw, batch: Sequence[NewJob]) -> dict[UUID, Created]:
    transaction = db.transaction()
    await transaction.start()
    try:
        made = {one.id: one for one in await jobs.create(db, batch)}
    except BaseException:
        await transaction.rollback()
        raise
    if all(one.created for one in made.values()):
        await transaction.commit()
    else:
        await transaction.rollback()
    return made


async def _repeated(db: Raw, key: Key, count: int, *, tenant: UUID) -> StoredBatch | Refusal:
    use = await placing.used(db, key, tenant=tenant)
    if not isinstance(use, KeyUse):
        return use
    found = await reads.many(db, ids_of(use.job_id, count), tenant=tenant)
    return StoredBatch(found[::-1]) if found else NotFound("The jobs of this key are gone.")
