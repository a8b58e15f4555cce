"""Resolving names without a thread pool.

`loop.getaddrinfo` runs in a few shared threads, and a look-up that was given up keeps its thread: a dozen
slow names of one tenant would stop everybody's calls. c-ares has one thread for any number of look-ups, reads
`/etc/hosts` and `resolv.conf`, follows their changes and keeps answers for their TTL. Concurrent look-ups of
one name share one. Answers are not judged here.
"""

import asyncio
import socket
from collections.abc import Sequence
from typing import Protocol

import aiodns
from msgspec import Struct

LOOKUP_SECONDS = 5.0

# The second try takes twice as long; both fit, so that one family's silence does not hide the other's answer.
_TRY_SECONDS = 1.5

_REASONS = {
    aiodns.error.ARES_ENOTFOUND: "The target's name does not exist.",
    aiodns.error.ARES_ENODATA: "The target's name has no address.",
    aiodns.error.ARES_ETIMEOUT: "The name servers of the target's name did not answer in time.",
    aiodns.error.ARES_ESERVFAIL: "The name servers of the target's name failed.",
}


class Unresolved(Struct, frozen=True):
    """A name without an address."""

    message: str
    """A sentence for the tenant."""


class Resolver(Protocol):
    """Turns a name into addresses."""

    async def resolve(self, name: str) -> Sequence[str] | Unresolved:
        """Every address of a name, IPv4 and IPv6, best first."""


class CaresResolver:
    """The resolver of production. Make it inside a running loop; close it."""

    def __init__(self, servers: Sequence[str] | None = None) -> None:
        self._cares = aiodns.DNSResolver(nameservers=servers, timeout=_TRY_SECONDS, tries=2)
        self._lookups: dict[str, asyncio.Task[Sequence[str] | Unresolved]] = {}

    async def resolve(self, name: str) -> Sequence[str] | Unresolved:
        """Every address of a name, in the order of RFC 6724."""
        lookup = self._lookups.get(name)
        if lookup is None:
            lookup = self._lookups[name] = asyncio.create_task(self._look_up(name))
            lookup.add_done_callback(lambda _: self._lookups.pop(name, None))
        return await asyncio.shield(lookup)

    async def close(self) -> None:
        """Give up what is under way."""
        lookups = list(self._lookups.values())
        for lookup in lookups:
            lookup.cancel()
        await asyncio.gather(*lookups, return_exceptions=True)
        await self._cares.close()

    async def _look_up(self, name: str) -> Sequence[str] | Unresolved:
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                found = await self._cares.getaddrinfo(name, type=socket.SOCK_STREAM)
        except TimeoutError:
            return Unresolved(_REASONS[aiodns.error.ARES_ETIMEOUT])
        except aiodns.error.DNSError as error:
            return Unresolved(_REASONS.get(error.args[0], "The target's name could not be resolved."))
        return [node.addr[0].decode("ascii") for node in found.nodes]
