"""Functions of Python: each attempt in a process of its own, forked from a host that holds their modules.

    FunctionRuntime ──channel──► host (modules imported once) ──fork──► keeper ──fork──► the function
           │◄──────────── control, standard output, standard error, events ────────────────┘

Functions are the operator's code, named by a setting; what they are given comes from tenants. They share
nothing between attempts, so no attempt is slowed, blocked or seen by another, and CPU work never meets our
event loop. Nothing of ours is imported by the host, and nothing of our environment reaches it.

An attempt lives no longer than this process: its keeper notices when we are gone.
"""

import asyncio
import os
import socket
from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from core import log
from scheduler.runtimes.events import Events, NoEvents
from scheduler.runtimes.function_host import FunctionHost, FunctionsRefused, Registered
from scheduler.runtimes.function_work import FunctionWork
from scheduler.runtimes.runtime import Ending, Exit, Order, Output, Work

BUILT_IN = (
    "scheduler.functions.basic",
    "scheduler.functions.calling",
    "scheduler.functions.compute",
    "scheduler.functions.encoding",
    "scheduler.functions.process",
)
"""Modules of the functions that come with us."""

__all__ = ["BUILT_IN", "FunctionRuntime", "FunctionsRefused", "Registered"]

_log = log.get(__name__)


class FunctionRuntime:
    """Carries out orders whose command is one `key@version`."""

    def __init__(
        self,
        *,
        modules: Sequence[str] = BUILT_IN,
        processes: int = 16,
        events: Events | None = None,
        path: Sequence[str] | None = None,
        told: Mapping[str, str] | None = None,
    ) -> None:
        """`processes` is how many attempts there are at one time; others wait for their turn in `start`.

        `path` is where modules are looked for; none is where we look for ours. `told` are variables that
        modules see while they are imported, and no attempt does.
        """
        self._modules = tuple(modules)
        self._path = path
        self._told = dict(told or {})
        self._events: Events = events or NoEvents()
        self._turns = asyncio.Semaphore(processes)
        self._opening = asyncio.Lock()
        self._host: FunctionHost | None = None
        self._works: set[FunctionWork] = set()

    async def catalogue(self) -> tuple[Registered, ...]:
        """What is registered. FunctionsRefused, with a sentence for the operator, if a module fails."""
        return (await self._alive()).catalogue

    async def start(self, order: Order, output: Output) -> Work | Exit:
        """Cancelling this starts nothing. FunctionsRefused as for `catalogue`."""
        if len(order.command) != 1:
            return _not_started("a function's command is its key@version alone")
        host = await self._alive()
        if order.command[0] not in host.names:
            return _not_started(f"there is no function {order.command[0]} here")
        await self._turns.acquire()
        try:
            return await self._begun_on_a_live_host(order, output)
        except BaseException:
            self._turns.release()
            raise

    async def sweep(self, held: Collection[UUID]) -> int:
        """Nothing: no attempt outlives its replica."""
        return 0

    async def close(self) -> None:
        for work in list(self._works):
            work.abandon()
        await asyncio.gather(*(work.wait() for work in list(self._works)))
        if self._host is not None:
            await self._host.close()
            self._host = None

    async def _begun_on_a_live_host(self, order: Order, output: Output) -> FunctionWork:
        """A host that has died may look alive until it is spoken to."""
        host = await self._alive()
        try:
            return await self._begun(host, order, output)
        except ConnectionError:
            return await self._begun(await self._alive(), order, output)

    async def _begun(self, host: FunctionHost, order: Order, output: Output) -> FunctionWork:
        ours, theirs = socket.socketpair()
        pipes = [os.pipe() for _ in range(3)]
        try:
            await host.hand_over([theirs.fileno(), *(writing for _, writing in pipes)])
        except BaseException:
            ours.close()
            for reading, _ in pipes:
                os.close(reading)
            raise
        finally:
            theirs.close()
            for _, writing in pipes:
                os.close(writing)
        out, err, told = (reading for reading, _ in pipes)
        work = FunctionWork(
            order,
            output,
            self._events,
            control=ours,
            stdout=out,
            stderr=err,
            events_pipe=told,
            ended=self._ended,
        )
        self._works.add(work)
        return work

    def _ended(self, work: FunctionWork) -> None:
        self._works.discard(work)
        self._turns.release()

    async def _alive(self) -> FunctionHost:
        """The host; another one if it has died, which no attempt of the first one notices."""
        async with self._opening:
            if self._host is None or self._host.gone:
                if self._host is not None:
                    _log.warning("function_host_gone")
                    await self._host.close()
                    self._host = None
                self._host = await FunctionHost.started(self._modules, self._path, self._told)
            return self._host


def _not_started(message: str) -> Exit:
    return Exit(how=Ending.NOT_STARTED, message=message)
