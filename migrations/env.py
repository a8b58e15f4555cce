"""Alembic's entry: runs on the connection it is handed, or on DATABASE_URL from the command line.

Whoever migrates holds a lock for the length of the transaction, so that several servers starting at once take
turns and all but the first find nothing to do.
"""

import asyncio
import os

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from core.tables import metadata
from migrations import server
from migrations.partitions import is_ours

_LOCK = 0x6E6F6F6E


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection, target_metadata=metadata, include_object=is_ours, compare_type=True
    )
    with context.begin_transaction():
        server.take_turn(connection, _LOCK)
        context.run_migrations()


async def _from_command_line() -> None:
    url = os.environ["DATABASE_URL"].replace("postgres://", "postgresql://", 1)
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))
    async with engine.begin() as connection:
        await connection.run_sync(_migrate)
    await engine.dispose()


handed = context.config.attributes.get("connection")
if handed is None:
    asyncio.run(_from_command_line())
else:
    _migrate(handed)
