"""Lanes: queues of definitions and functions that are limited, where all of their jobs wait, and no others.

A lane is a queue like any other to whoever claims, with a limit of its own (a definition's), or one that it
shares with the lanes of other tenants (a function's, which holds over the whole fleet), or both. Its name has
a colon, which no name that users give can have.

What a lane shares never changes once it is set: jobs of two functions cannot be in one lane, so none can
escape its limit. Lanes are never deleted while their tenant lives, so what stands in one stays limited.
"""

from collections.abc import Iterable
from uuid import UUID

import msgspec

from app import limiting
from app.limiting import Limit
from core import ids
from core.db import Raw
from core.definitions.model import Definition

_HOLD = "SELECT FROM tenants WHERE id = $1 FOR UPDATE"
_LOOK = """
SELECT name, id, shares FROM queues WHERE tenant_id = $1 AND name = ANY($2::text[]) AND deleted_at IS NULL
"""
_ADD = "INSERT INTO queues (id, tenant_id, name, lane, shares) VALUES ($1, $2, $3, true, $4)"
_SHARE = "UPDATE queues SET shares = $2 WHERE id = $1"
_RETIRE = """
UPDATE queues SET name = name || '#' || id WHERE tenant_id = $1 AND name = $2 AND deleted_at IS NULL
"""


class Lane(msgspec.Struct, frozen=True):
    """Where the jobs of a definition wait."""

    name: str
    most: int | None
    """In flight at once, of this lane."""
    shares: UUID | None
    """The limit of its function."""


def lane_of(definition: Definition | None, function: Definition | None) -> Lane | None:
    """Of jobs made by a definition, which call this function if they call one; none if nothing is limited."""
    shares = function.id if function is not None and function.concurrency_limit is not None else None
    if definition is not None and not definition.registered and definition.concurrency_limit is not None:
        return Lane(lane_name(definition), definition.concurrency_limit, shares)
    return None if function is None or shares is None else Lane(f"function:{function.name}", None, shares)


def lane_name(definition: Definition) -> str:
    """Of the lane of a tenant's own definition."""
    return f"definition:{definition.name}"


async def ensure(db: Raw, lanes: Iterable[Lane], *, tenant: UUID) -> bool:
    """Make what is not there; whether all lanes share now what they are to share."""
    wanted = {lane.name: lane for lane in lanes}
    found = await _found(db, wanted, tenant)
    if {name: shares for name, (_, shares) in found.items()} == {
        one.name: one.shares for one in wanted.values()
    }:
        return True
    async with db.transaction():
        await hold(db, tenant)
        found = await _found(db, wanted, tenant)
        for name, lane in sorted(wanted.items()):
            if not await _made(db, lane, found.get(name), tenant):
                return False
        await limiting.mark(db, tenant=tenant)
    return True


async def limit(db: Raw, lane: Lane, *, tenant: UUID) -> None:
    """Give a lane, which is made if need be, its own limit. Inside of a transaction that holds the tenant."""
    found = await _found(db, [lane.name], tenant)
    if lane.name not in found:
        await _made(db, lane, None, tenant)
        return
    id, _ = found[lane.name]
    await limiting.put(db, id, Limit(lane.most), tenant=tenant)


async def shared(db: Raw, name: str, *, tenant: UUID) -> UUID | None:
    """What a lane shares."""
    found = await _found(db, [name], tenant)
    return found[name][1] if name in found else None


async def retire(db: Raw, name: str, *, tenant: UUID) -> None:
    """Let a lane go on under another name, as it is, for the jobs that stand in it."""
    await db.execute(_RETIRE, tenant, name)


async def hold(db: Raw, tenant: UUID) -> None:
    """Let nobody else change this tenant's queues until the end of the transaction."""
    await db.execute(_HOLD, tenant)


async def _found(db: Raw, names: Iterable[str], tenant: UUID) -> dict[str, tuple[UUID, UUID | None]]:
    return {row[0]: (row[1], row[2]) for row in await db.fetch(_LOOK, tenant, list(names))}


async def _made(db: Raw, lane: Lane, found: tuple[UUID, UUID | None] | None, tenant: UUID) -> bool:
    """Whether the lane is as it is to be."""
    if found is None:
        id = ids.new()
        await db.execute(_ADD, id, tenant, lane.name, lane.shares)
        await limiting.put(db, id, Limit(lane.most), tenant=tenant)
        return True
    id, shares = found
    if shares is None and lane.shares is not None:
        await db.execute(_SHARE, id, lane.shares)
        return True
    return shares == lane.shares
