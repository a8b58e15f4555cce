"""Which errors mean that the database was away, and which that it refuses."""

import asyncpg
import pytest
from sqlalchemy import exc

from core.db import is_outage, is_refused, is_transient

OUTAGES = [
    ConnectionRefusedError(),
    ConnectionResetError(),
    TimeoutError(),
    asyncpg.ConnectionDoesNotExistError("gone"),
    asyncpg.AdminShutdownError("terminated"),
    asyncpg.CrashShutdownError("crashed"),
    asyncpg.CannotConnectNowError("starting up"),
    asyncpg.QueryCanceledError("statement timeout"),
    asyncpg.TooManyConnectionsError("full"),
    asyncpg.DiskFullError("full"),
    asyncpg.ReadOnlySQLTransactionError("standby"),
    asyncpg.InterfaceError("connection is closed"),
    exc.TimeoutError("pool"),
]
CONTENTION = [
    asyncpg.DeadlockDetectedError("deadlock"),
    asyncpg.SerializationError("again"),
    asyncpg.LockNotAvailableError("lock timeout"),
]
REFUSALS = [
    asyncpg.CharacterNotInRepertoireError("NUL"),
    asyncpg.NumericValueOutOfRangeError("too big"),
    asyncpg.DataError("invalid input for query argument"),
    asyncpg.UniqueViolationError("twice"),
    asyncpg.CheckViolationError("check"),
]
BUGS = [ValueError(), asyncpg.UndefinedTableError("none"), asyncpg.PostgresSyntaxError("bad")]


@pytest.mark.parametrize("error", OUTAGES, ids=repr)
def test_an_outage_is_waited_for(error: Exception) -> None:
    assert (is_outage(error), is_transient(error), is_refused(error)) == (True, True, False)


@pytest.mark.parametrize("error", CONTENTION, ids=repr)
def test_a_clash_is_repeated_on_the_same_connection(error: Exception) -> None:
    assert (is_outage(error), is_transient(error), is_refused(error)) == (False, True, False)


@pytest.mark.parametrize("error", REFUSALS, ids=repr)
def test_refused_values_are_not_repeated(error: Exception) -> None:
    assert (is_outage(error), is_transient(error), is_refused(error)) == (False, False, True)


@pytest.mark.parametrize("error", BUGS, ids=repr)
def test_a_bug_is_neither(error: Exception) -> None:
    assert (is_outage(error), is_transient(error), is_refused(error)) == (False, False, False)
