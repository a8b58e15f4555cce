"""Whether this process can do its work now: the database answers, has our schema, and room for two days."""

import asyncio

from app.health import store
from core.db import Database, is_outage
from core.errors import Fault
from core.schema import EXPECTED

_SECONDS = 3.0


async def check(database: Database) -> list[Fault]:
    """What fails, each by name; nothing if ready. Answers within seconds, whatever the database does."""
    try:
        async with asyncio.timeout(_SECONDS), database.begin() as connection:
            state = await store.look(connection)
    except Exception as error:
        if not is_outage(error):
            raise
        return [Fault(code="database", message="does not answer")]
    if not state.schema.serves:
        have = state.schema.revision or "none"
        return [Fault(code="schema", message=f"is at revision {have} and should be at {EXPECTED}")]
    if not state.placed:
        return [Fault(code="partitions", message="of the next two days are missing")]
    return []
