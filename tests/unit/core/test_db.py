"""Which errors mean that the database was away, and which that it refuses."""

import asyncpg
import pytest
from sqlalchemy import exc

from core.db import is_outage, is_overtaken, is_refused, is_transient, is_unsupported

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
UNSUPPORTED = [
    asyncpg.FeatureNotSupportedError("LISTEN not supported yet"),
    asyncpg.UndefinedFunctionError("function pg_advisory_xact_lock does not exist"),
    asyncpg.PostgresSyntaxError("syntax error at or near PARTITION"),
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


def wrapped(error: Exception) -> Exception:
    """As SQLAlchemy raises it."""
    adapted = RuntimeError()
    adapted.__cause__ = error
    return exc.DBAPIError("SELECT", None, adapted)


@pytest.mark.parametrize("error", UNSUPPORTED, ids=repr)
def test_what_a_server_does_not_know_is_told_apart(error: Exception) -> None:
    assert is_unsupported(error)
    assert is_unsupported(wrapped(error))


@pytest.mark.parametrize(
    "error", [asyncpg.InsufficientPrivilegeError("may not"), *OUTAGES, *CONTENTION], ids=repr
)
def test_what_a_server_forbids_or_cannot_do_now_it_knows(error: Exception) -> None:
    assert not is_unsupported(error)


def test_a_table_that_somebody_else_makes_is_there_when_this_is_repeated() -> None:
    twice = asyncpg.UniqueViolationError("duplicate key")
    twice.constraint_name = "pg_type_typname_nsp_index"
    assert is_overtaken(wrapped(twice))
    assert is_overtaken(asyncpg.DuplicateTableError("there"))
    twice.constraint_name = "users_email_key"
    assert not is_overtaken(twice)
