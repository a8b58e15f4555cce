"""What the readiness check asks the database."""

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from core.schema import PLAIN_HISTORY, STATE, Schema

_STATE = text(f"""
SELECT to_regclass('alembic_version') IS NOT NULL AS migrated,
       {PLAIN_HISTORY} OR bool_and(to_regclass(parent || '_p' || day) IS NOT NULL) AS placed
FROM unnest(ARRAY['attempts', 'events', 'logs']) AS parent, generate_series(1, 2) AS ahead,
     to_char(now() AT TIME ZONE 'UTC' + ahead * interval '1 day', 'YYYYMMDD') AS day
""")
_SCHEMA = text(STATE)


class State(msgspec.Struct, frozen=True):
    """The database as the API sees it."""

    schema: Schema
    placed: bool
    """Whether the history of each of the next two days has a place."""


async def look(connection: AsyncConnection) -> State:
    """The schema, and whether history has a place to go for two days."""
    row = (await connection.execute(_STATE)).one()
    if not row.migrated:
        return State(schema=Schema(revision=None), placed=False)
    found = (await connection.execute(_SCHEMA)).one_or_none()
    schema = Schema(revision=None) if found is None else Schema(*found)
    return State(schema=schema, placed=row.placed)
