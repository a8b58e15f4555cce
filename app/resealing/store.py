"""Every place where something sealed is kept, read and replaced in the order of its keys."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import msgspec

from app.mail import letters
from core.db import Raw
from core.tenants.store import header_context, signing_context

_FIRST = UUID(int=0)

_PAGE = """
SELECT {key}, {owner}, {column} FROM {table} WHERE {column} IS NOT NULL AND {key} > $1 ORDER BY {key} LIMIT $2
"""
# What somebody else has replaced meanwhile is theirs.
_REPLACE = """
UPDATE {table} t SET {column} = n.fresh
FROM unnest($1::uuid[], $2::bytea[], $3::bytea[]) AS n(id, old, fresh)
WHERE t.{key} = n.id AND t.{column} = n.old
"""


class Place(msgspec.Struct, frozen=True):
    """A column of sealed values."""

    table: str
    key: str
    column: str
    owner: str
    """The column that its context is made of."""
    context: Callable[[UUID], str]

    def statement(self, template: str) -> str:
        """A template with this place's names."""
        return template.format(table=self.table, key=self.key, column=self.column, owner=self.owner)


PLACES = (
    Place("signing_secrets", "id", "sealed", "tenant_id", signing_context),
    Place("jobs", "id", "sealed_headers", "tenant_id", header_context),
    Place("dead_letters", "job_id", "sealed_headers", "tenant_id", header_context),
    Place("definitions", "id", "sealed_headers", "tenant_id", header_context),
    Place("mails", "id", "sealed", "id", letters.context),
)


class Value(msgspec.Struct, frozen=True):
    """A sealed value. Field order is the statement's."""

    id: UUID
    owner: UUID
    sealed: bytes


async def page(db: Raw, place: Place, *, after: UUID | None, limit: int) -> list[Value]:
    """Sealed values of a place, in order."""
    rows: list[Any] = await db.fetch(place.statement(_PAGE), after or _FIRST, limit)
    return [Value(*row) for row in rows]


async def replace(db: Raw, place: Place, values: Sequence[tuple[Value, bytes]]) -> int:
    """Put fresh values in the place of those that are still the same; how many were."""
    status = await db.execute(
        place.statement(_REPLACE),
        [value.id for value, _ in values],
        [value.sealed for value, _ in values],
        [fresh for _, fresh in values],
    )
    return int(status.split()[-1])
