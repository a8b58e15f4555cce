"""Statements on definitions: those of tenants, and those of functions that schedulers have published.

A tenant's own comes before a function's of the same name, which can only be registered later than it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from core import ids
from core.db import Raw
from core.definitions.model import Definition, Function, Name

_FIRST = UUID(int=0)
_encoder = msgspec.json.Encoder()

_OWN = """
SELECT d.id, d.key, d.version, d.description, d.target, d.sealed_headers, d.timeout_seconds, d.priority,
       d.queue, d.labels::text, d.retry::text, d.success::text, d.concurrency_limit, d.params_schema::text,
       d.result_schema::text, d.created_at, d.changed_at, false
FROM definitions d"""
_REGISTERED = """
SELECT f.id, f.key, f.version, f.description,
       json_build_object('type', 'function', 'function', f.key || '@' || f.version)::text, NULL::bytea,
       f.timeout_seconds, 50::int2, 'default'::text, '{}'::text,
       json_build_object('max_attempts', f.max_attempts)::text, '{}'::text, f.concurrency,
       f.params_schema::text, NULL::text, f.created_at, f.changed_at, true
FROM functions f"""

_PAGE = f"""
SELECT * FROM (
  ({_OWN} WHERE d.tenant_id = $1 AND d.id > $2 ORDER BY d.id LIMIT $3)
  UNION ALL ({_REGISTERED} WHERE f.id > $2 ORDER BY f.id LIMIT $3)) both_kinds
ORDER BY id LIMIT $3
"""
_BY_ID = f"{_OWN} WHERE d.tenant_id = $1 AND d.id = $2 UNION ALL {_REGISTERED} WHERE f.id = $2"
_NAMED = """
SELECT wanted.place, found.*
FROM unnest($1::text[], $2::int[]) WITH ORDINALITY AS wanted (key, version, place)
CROSS JOIN LATERAL (
  {of} WHERE {whose} {it}.key = wanted.key AND (wanted.version IS NULL OR {it}.version = wanted.version)
  ORDER BY {it}.version DESC LIMIT 1) found
"""
_OWN_NAMED = _NAMED.format(of=_OWN, whose="d.tenant_id = $3 AND", it="d")
_REGISTERED_NAMED = _NAMED.format(of=_REGISTERED, whose="", it="f")

# A row is written only where something has changed, but locked in any case, in the order of names: of two who
# start at once the second waits at the first row that both have, and limits are written by who has those rows
# already. A limit stays a row once there was one: lanes share it.
_PUBLISH = """
WITH given AS MATERIALIZED (
  SELECT * FROM unnest(
    $1::uuid[], $2::text[], $3::int[], $4::text[], $5::int[], $6::int2[], $7::int[], $8::text[])
    AS g(id, key, version, description, timeout_seconds, max_attempts, concurrency, params_schema)),
kept AS (
  INSERT INTO functions AS f (id, key, version, description, timeout_seconds, max_attempts, concurrency,
                              params_schema)
  SELECT id, key, version, description, timeout_seconds, max_attempts, concurrency, params_schema::jsonb
  FROM given ORDER BY key, version
  ON CONFLICT (key, version) DO UPDATE
    SET description = excluded.description, timeout_seconds = excluded.timeout_seconds,
        max_attempts = excluded.max_attempts, concurrency = excluded.concurrency,
        params_schema = excluded.params_schema, changed_at = now()
    WHERE (f.description, f.timeout_seconds, f.max_attempts, f.concurrency, f.params_schema)
      IS DISTINCT FROM (excluded.description, excluded.timeout_seconds, excluded.max_attempts,
                        excluded.concurrency, excluded.params_schema)
  RETURNING f.id, f.concurrency)
SELECT id, concurrency FROM kept ORDER BY id
"""
_LIMIT = """
INSERT INTO limits AS l (id, max_concurrency) SELECT * FROM unnest($1::uuid[], $2::int[])
ON CONFLICT (id) DO UPDATE SET max_concurrency = excluded.max_concurrency
"""


async def page(db: Raw, *, tenant: UUID, after: UUID | None, limit: int) -> list[Definition]:
    """A tenant's definitions and those of functions, oldest first."""
    return [_read(row) for row in await db.fetch(_PAGE, tenant, after or _FIRST, limit)]


async def get(db: Raw, which: UUID | Name, *, tenant: UUID) -> Definition | None:
    """A definition by its id or its name."""
    if isinstance(which, Name):
        return (await find(db, [which], tenant=tenant)).get(which)
    row = await db.fetchrow(_BY_ID, tenant, which)
    return None if row is None else _read(row)


async def find(db: Raw, names: Iterable[Name], *, tenant: UUID) -> dict[Name, Definition]:
    """Those of these names that this tenant can use."""
    wanted = list(dict.fromkeys(names))
    found = await _found(db, _OWN_NAMED, wanted, tenant)
    rest = [name for name in wanted if name not in found]
    return found | (await functions(db, rest) if rest else {})


async def functions(db: Raw, names: Sequence[Name]) -> dict[Name, Definition]:
    """Those of these names that schedulers have published."""
    return await _found(db, _REGISTERED_NAMED, list(names))


async def publish(db: Raw, catalogue: Sequence[Function]) -> int:
    """Tell what functions there are and what holds for them; how many are new or have changed."""
    columns: list[list[Any]] = [[], [], [], [], [], [], [], []]
    for each in catalogue:
        row = (ids.new(), *msgspec.structs.astuple(each)[:-1], _json(each.params_schema))
        for column, value in zip(columns, row, strict=True):
            column.append(value)
    async with db.transaction():
        changed = await db.fetch(_PUBLISH, *columns)
        limited = [row for row in changed if row[1] is not None]
        await db.execute(_LIMIT, [row[0] for row in limited], [row[1] for row in limited])
        free = [row[0] for row in changed if row[1] is None]
        await db.execute("UPDATE limits SET max_concurrency = NULL WHERE id = ANY($1::uuid[])", free)
    return len(changed)


async def _found(db: Raw, statement: str, names: Sequence[Name], *whose: UUID) -> dict[Name, Definition]:
    if not names:
        return {}
    rows = await db.fetch(statement, [one.key for one in names], [one.version for one in names], *whose)
    return {names[row[0] - 1]: _read(row[1:]) for row in rows}


def _json(schema: Mapping[str, Any] | None) -> str | None:
    return None if schema is None else _encoder.encode(schema).decode()


def _read(row: Any) -> Definition:
    values = tuple(row)
    return Definition(**dict(zip(Definition.__struct_fields__, values, strict=True)))
