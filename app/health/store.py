"""What the readiness check asks the database."""

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_STATE = text("""
SELECT to_regclass('alembic_version') IS NOT NULL AS migrated,
       to_regclass('attempts_p' || day) IS NOT NULL
   AND to_regclass('events_p' || day) IS NOT NULL AS partitioned
FROM to_char(now() AT TIME ZONE 'UTC' + interval '1 day', 'YYYYMMDD') AS day
""")
_REVISION = text("SELECT version_num FROM alembic_version")


class State(msgspec.Struct, frozen=True):
    """The database as the API sees it."""

    revision: str | None
    """Of the schema; None before the first migration."""
    partitioned: bool
    """Whether tomorrow's partitions exist."""


async def look(connection: AsyncConnection) -> State:
    """The schema's revision, and whether history has a place to go tomorrow."""
    row = (await connection.execute(_STATE)).one()
    if not row.migrated:
        return State(revision=None, partitioned=False)
    revision = (await connection.execute(_REVISION)).scalar_one_or_none()
    return State(revision=revision, partitioned=row.partitioned)
