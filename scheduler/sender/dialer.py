"""Opening a connection to a target: resolve, judge every address, dial exactly one that was judged.

1. A name is resolved; a literal is taken as it is.
2. One address that is not permitted refuses the target, whatever the others are.
3. The literal is dialled, so no second look-up can answer otherwise; SNI and certificate stay the host's.
4. The peer's address is compared with the one that was meant.

The caller's guard is asked right before each dial. Environment proxies do not exist here. The refusal says
the same about every address; which it was goes to the operator alone.
"""

import asyncio
import os
import ssl
from asyncio import AbstractEventLoop
from collections.abc import Callable, Sequence
from typing import Protocol

from core.egress.addresses import parse_address
from core.egress.guard import REFUSED, Egress
from core.egress.urls import Url
from scheduler.sender.connection import Connection
from scheduler.sender.reply import Failure, NotStarted
from scheduler.sender.resolver import Resolver, Unresolved
from scheduler.verdict import FailureCode

Guard = Callable[[], bool]

MAX_ADDRESSES = 16
"""How many answers of a name are dialled at most; all are judged."""

_SHARE_SECONDS = 5.0

# The call's deadline bounds a handshake; the loop's own minute would be a hidden cap.
_HANDSHAKE_SECONDS = 3600.0


class Connector(Protocol):
    """Opens one connection to one address. The seam where tests record what would have been dialled."""

    async def __call__(
        self, connection: Connection, address: str, port: int, *, tls: ssl.SSLContext | None, host: str
    ) -> None:
        """Make the connection, with TLS if there is a context. Raises OSError; ssl.SSLError is one."""


async def connect(
    connection: Connection, address: str, port: int, *, tls: ssl.SSLContext | None, host: str
) -> None:
    """The connector of production."""
    loop = asyncio.get_running_loop()
    await loop.create_connection(
        lambda: connection,
        address,
        port,
        ssl=tls,
        server_hostname=host if tls else None,
        ssl_handshake_timeout=_HANDSHAKE_SECONDS if tls else None,
    )


def client_tls() -> ssl.SSLContext:
    """The machine's certificate store, TLS 1.2 or later, HTTP/1.1 only."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


class Dialer:
    """Opens connections; keeps none."""

    def __init__(
        self,
        loop: AbstractEventLoop,
        *,
        egress: Egress,
        resolver: Resolver,
        connector: Connector,
        tls: ssl.SSLContext,
        open_connections: set[Connection],
    ) -> None:
        self._loop = loop
        self._egress = egress
        self._resolver = resolver
        self._connector = connector
        self._tls = tls
        self._open = open_connections

    async def dial(self, url: Url, *, deadline: float, guard: Guard) -> Connection | Failure | NotStarted:
        """A connection to the URL's host, or why there is none, by `deadline` (the loop's clock)."""
        try:
            async with asyncio.timeout_at(deadline):
                addresses = await self._addresses(url)
                if isinstance(addresses, Failure):
                    return addresses
                return await self._try_each(url, addresses[:MAX_ADDRESSES], deadline=deadline, guard=guard)
        except TimeoutError:
            return Failure(FailureCode.TIMEOUT, "The target took no connection before the deadline.")

    async def _addresses(self, url: Url) -> Sequence[str] | Failure:
        found = [url.host] if url.literal else await self._resolver.resolve(url.host)
        if isinstance(found, Unresolved):
            return Failure(FailureCode.DNS_ERROR, found.message)
        if not found:
            return Failure(FailureCode.DNS_ERROR, "The target's name has no address.")
        if not self._egress.permits_all(found):
            return Failure(
                FailureCode.DESTINATION_REFUSED,
                REFUSED.message,
                detail=f"{url.host} is at {', '.join(found)}",
            )
        return found

    async def _try_each(
        self, url: Url, addresses: Sequence[str], *, deadline: float, guard: Guard
    ) -> Connection | Failure | NotStarted:
        """The first connection that comes about; all but the last address get a share of the time only."""
        failure = Failure(FailureCode.CONNECT_ERROR, "The target took no connection.")
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            if not guard():
                return NotStarted()
            remaining = deadline - self._loop.time()
            share = None if left == 1 else min(_SHARE_SECONDS, remaining / left)
            try:
                async with asyncio.timeout(share):
                    return await self._connect(url, address)
            except ssl.SSLError as error:
                return Failure(FailureCode.TLS_ERROR, _tls_message(error), detail=f"{address}: {error!r}")
            except OSError as error:
                failure = _link_failure(error, address, secure=url.scheme == "https")
        return failure

    async def _connect(self, url: Url, address: str) -> Connection | Failure:
        tls = self._tls if url.scheme == "https" else None
        connection = Connection(self._loop, self._open)
        try:
            await self._connector(connection, address, url.port, tls=tls, host=url.host)
        except BaseException:
            connection.discard()
            raise
        peer = connection.peer
        if peer is not None and parse_address(peer) == parse_address(address):
            return connection
        connection.abort()
        return Failure(FailureCode.DESTINATION_REFUSED, REFUSED.message, detail=f"{address} led to {peer}")


def _tls_message(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = getattr(error, "verify_message", "it does not fit the host")
        return f"The target's certificate was not accepted: {reason}."
    reason = (error.reason or "handshake failure").replace("_", " ").lower()
    return f"No TLS connection to the target was possible: {reason}."


def _link_failure(error: OSError, address: str, *, secure: bool) -> Failure:
    """A link that was up and broke did so in its handshake; one that never was has other errors."""
    detail = f"{address}: {error!r}"
    if secure and isinstance(error, (ConnectionResetError, ConnectionAbortedError, BrokenPipeError)):
        return Failure(FailureCode.TLS_ERROR, "The target broke off the TLS handshake.", detail=detail)
    if error.errno is None:
        return Failure(FailureCode.CONNECT_ERROR, "The target took no connection.", detail=detail)
    reason = os.strerror(error.errno).lower()
    return Failure(FailureCode.CONNECT_ERROR, f"The target took no connection: {reason}.", detail=detail)
