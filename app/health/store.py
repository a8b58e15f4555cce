"""What the readiness check asks the database."""

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_STATE = text("""
SELECT to_regclass('alembic_version') IS NOT NULL AS migrated,
       bool_and(to_regclass(parent || '_p' || day) IS NOT NULL) AS partitioned
FROM unnest(ARRAY['attempts', 'events', 'logs']) AS parent, generate_series(1, 2) AS ahead,
     to_char(now() AT TIME ZONE 'UTC' + ahead * interval '1 day', 'YYYYMMDD') AS day
""")
_REVISION = text("SELECT version_num FROM alembic_version")


class State(msgspec.Struct, frozen=True):
    """The database as the API sees it."""

    revision: str | None
    """Of the schema; None before the first migration."""
    partitioned: bool
    """Whether each of the next two days has its partitions."""


async def look(connection: AsyncConnection) -> State:
    """The schema's revision, and whether history has a place to go for two days."""
    row = (await connection.execute(_STATE)).one()
    if not row.migrated:
        return State(revision=None, partitioned=False)
    revision = (await connection.execute(_REVISION)).scalar_one_or_none()
    return State(revision=revision, partitioned=row.partitioned)
