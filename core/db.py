"""The way to PostgreSQL: one engine, used in two manners.

`begin` gives a SQLAlchemy connection inside a transaction, for stores. `raw` gives the driver's own
connection from the same pool, in autocommit, for the hot statements: one round trip, no BEGIN.

Nothing is opened here at import; a process's ``__main__`` calls `connect` and `close`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import asyncpg
from sqlalchemy import event, exc
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.util import greenlet_spawn
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_random_exponential

from core.errors import SettingError
from core.settings import variable

Raw: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_OUTAGES: tuple[type[BaseException], ...] = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InternalClientError,
    exc.TimeoutError,
)

# The tables of what waits are empty one moment and full the next. A plan kept from the first moment reads
# them whole in the second, so statements that look for work are planned anew each time.
PLANNED_ANEW = {"plan_cache_mode": "force_custom_plan"}
# For statements too frequent to be planned each time, if an index leads to everything they need.
BY_INDEX = {"enable_seqscan": "off"}

_POOLER = (
    "DATABASE_URL leads to a transaction pooler: set this to true for the API; "
    "schedulers and reapers connect to PostgreSQL itself"
)

_CONTENTION = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError, asyncpg.LockNotAvailableError)

_UNSUPPORTED = (
    asyncpg.FeatureNotSupportedError,
    asyncpg.PostgresSyntaxError,
    asyncpg.UndefinedFunctionError,
    asyncpg.UndefinedObjectError,
)


def is_outage(error: BaseException) -> bool:
    """Whether the database could not be reached, went away or is not writable: try again later.

    After one of these nobody knows whether the statement was committed, so only what is safe to repeat
    may be repeated.
    """
    invalidated = isinstance(error, exc.DBAPIError) and error.connection_invalidated
    return invalidated or isinstance(_drivers(error), _OUTAGES)


def _drivers(error: BaseException) -> BaseException | None:
    """The driver's own error, which SQLAlchemy wraps twice."""
    if not isinstance(error, exc.DBAPIError):
        return error
    original = error.__cause__ or error.orig
    return original.__cause__ if original is not None and original.__cause__ else original


def is_transient(error: BaseException) -> bool:
    """An outage, or a clash with another transaction: the same statement may succeed when repeated."""
    return isinstance(error, _CONTENTION) or is_outage(error)


def is_refused(error: BaseException) -> bool:
    """Whether the values are at fault, by the database (classes 22 and 23) or because they are no text.

    Repeating cannot help.
    """
    return isinstance(
        error, asyncpg.DataError | asyncpg.IntegrityConstraintViolationError | UnicodeEncodeError
    )


def is_unsupported(error: BaseException) -> bool:
    """Whether the server does not know what it was asked to do."""
    return isinstance(_drivers(error), _UNSUPPORTED)


def is_overtaken(error: BaseException) -> bool:
    """Whether somebody else made the same table at the same time: it is there when this is repeated."""
    cause = _drivers(error)
    if isinstance(cause, asyncpg.UniqueViolationError):
        return (cause.constraint_name or "").startswith("pg_")
    return isinstance(cause, asyncpg.DuplicateTableError)


def retrying(seconds: float, *, on: Callable[[BaseException], bool] = is_transient) -> AsyncRetrying:
    """Repeats a block on such errors, with jitter, for at most ``seconds``; then raises the last one."""
    return AsyncRetrying(
        retry=retry_if_exception(on),
        wait=wait_random_exponential(multiplier=0.05, max=2),
        stop=stop_after_delay(seconds),
        reraise=True,
    )


def server_settings(name: str) -> dict[str, str]:
    """Session settings of a direct connection; behind a pooler these come from ALTER ROLE."""
    return {
        "application_name": name,
        "jit": "off",
        "statement_timeout": "30s",
        "lock_timeout": "5s",
        "idle_in_transaction_session_timeout": "10s",
    }


def _refuse_closed(connection: Any, _record: object, _proxy: object) -> None:
    """Makes the pool replace a connection that died while it lay idle, without a round trip to find out."""
    if connection.driver_connection.is_closed():
        raise exc.DisconnectionError


class _Connection(asyncpg.Connection):
    """Hangs up without waiting: the answer to a goodbye may never come."""

    async def close(self, *, timeout: float | None = None) -> None:
        self.terminate()


class Database:
    """A pool of connections to one server."""

    def __init__(
        self,
        dsn: str,
        *,
        name: str,
        size: int = 8,
        pooled: bool = False,
        planning: Mapping[str, str] | None = None,
    ) -> None:
        """``planning`` are further session settings: how this pool's statements are to be planned."""
        self.dsn = dsn
        self._settings = server_settings(name) | dict(planning or {})
        self._pooled = pooled
        cache = "?prepared_statement_cache_size=0" if pooled else ""
        self._engine: AsyncEngine = create_async_engine(
            f"postgresql+asyncpg://{cache}",
            async_creator=self._connect,
            pool_size=size,
            max_overflow=0,
            pool_timeout=10,
            hide_parameters=True,
        )
        event.listen(self._engine.sync_engine, "checkout", _refuse_closed)

    async def dial(self, *, command_timeout: float = 30.0) -> Raw:
        """A connection outside the pool, for what must not wait behind other statements.

        SettingError if a pooler is there and we were not told.
        """
        how: dict[str, Any] = {"statement_cache_size": 0}
        if not self._pooled:
            how = {"server_settings": self._settings}
        try:
            return await asyncpg.connect(
                self.dsn, timeout=5, command_timeout=command_timeout, connection_class=_Connection, **how
            )
        except asyncpg.ProtocolViolationError as error:
            # It refuses settings of a session, which it would mix up between its clients.
            if self._pooled or "startup parameter" not in str(error):
                raise
            raise SettingError(variable("pooled"), _POOLER) from error

    async def _connect(self, *_: object, **__: object) -> Raw:
        return await self.dial()

    @asynccontextmanager
    async def raw(self) -> AsyncIterator[Any]:
        """The driver's connection, in autocommit."""
        # Straight from the pool, without SQLAlchemy's connection around it: a quarter of the cost.
        pooled = await self._engine.raw_connection()
        try:
            yield pooled.driver_connection
        except BaseException as error:
            # Cut off or cancelled in the middle of a statement: never hand it to somebody else.
            if is_outage(error) or isinstance(error, asyncio.CancelledError):
                await greenlet_spawn(pooled.invalidate)
            raise
        finally:
            # SQLAlchemy knows of no transaction to end here, so this waits for nothing.
            pooled.close()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A transaction: committed at the end of the block, rolled back by an exception."""
        async with self._engine.begin() as connection:
            yield connection

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()
