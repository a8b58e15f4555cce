"""What migrations may use of the server: what it has, less what NOONMARK_WITHOUT takes away.

History that was made with partitions, or without, stays as it was made: later migrations go by the tables,
and the setting counts for the first one alone. Without advisory locks the row of Alembic's own table is the
lock of everybody who takes turns.
"""

import os
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from core.capabilities import ADVISORY_LOCKS, Capabilities, allowed
from core.db import is_unsupported
from core.schema import PLAIN_HISTORY

_PARTITIONS = (
    "CREATE TABLE noonmark_probe (id uuid PRIMARY KEY) PARTITION BY RANGE (id)",
    "CREATE TABLE noonmark_probe_default PARTITION OF noonmark_probe DEFAULT",
    "DO LANGUAGE plpgsql 'BEGIN END'",
    "SELECT true",
)
_ROW = "1 FROM alembic_version FOR UPDATE"


def partitioned(connection: Connection) -> dict[str, Any]:
    """What makes a table one of partitions, if history has them."""
    return {"postgresql_partition_by": "RANGE (id)"} if partitions(connection) else {}


def partitions(connection: Connection) -> bool:
    """Whether history is made of partitions, or will be."""
    plain = connection.exec_driver_sql(f"SELECT {PLAIN_HISTORY}").scalar()
    if plain is not None:
        return not plain
    return _allowed().partitions and _works(connection, _PARTITIONS)


def turn(connection: Connection, lock: int) -> str:
    """What to SELECT to wait for a turn, which ends with the transaction."""
    return f"pg_advisory_xact_lock({lock})" if _advisory_locks(connection) else _ROW


def take_turn(connection: Connection, lock: int) -> None:
    """Wait until nobody else migrates. Until there is a row to be the lock, one of two at once fails."""
    waiting = turn(connection, lock)
    migrated = connection.exec_driver_sql("SELECT to_regclass('alembic_version') IS NOT NULL").scalar()
    if migrated or waiting != _ROW:
        connection.exec_driver_sql(f"SELECT {waiting}")


def _allowed() -> Capabilities:
    return allowed(os.environ.get("NOONMARK_WITHOUT", ""))


def _advisory_locks(connection: Connection) -> bool:
    return _allowed().advisory_locks and _works(connection, ADVISORY_LOCKS)


def _works(connection: Connection, statements: Sequence[str]) -> bool:
    *first, last = statements
    try:
        with connection.begin_nested() as savepoint:
            for statement in first:
                connection.exec_driver_sql(statement)
            answer = connection.exec_driver_sql(last).scalar()
            savepoint.rollback()
    except DBAPIError as error:
        if not is_unsupported(error):
            raise
        return False
    return bool(answer)
