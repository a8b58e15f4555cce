"""One attempt of a target that is code: its folder, its order, its end, and what that means for the job.

    folder ──► order ──guard──► start ──► wait ──► output written ──► result, files ──► settlement
                                  │         │
                                  │         └── past its time, or cut off: stopped, and waited for
                                  └── could not be started

What runs code (`scheduler.runtimes`) knows no job; here is nothing of engines. Whatever happens, the attempt
is over, its output stored and its folder gone before its settlement is handed on: a later attempt never meets
an earlier one.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol
from uuid import UUID

import msgspec

from core import log
from core.artifacts.model import Lost, Reason
from core.clock import Clock, DatabaseClock
from core.jobs.model import Lease, Needs, Outcome, Settlement
from core.jobs.targets import ContainerTarget, FunctionTarget, Input
from core.sealing import Keyring
from core.tracing.context import Context
from scheduler import delivery, ordering
from scheduler.exits import judge_exit
from scheduler.fitting import fitting
from scheduler.inviting import Invitations
from scheduler.ordering import Code, Orders
from scheduler.runtimes import folder, result
from scheduler.runtimes.runtime import Ending, Exit, Order, Output, Runtime, Work
from scheduler.sender.reply import NotStarted
from scheduler.watching import Bounds, Ended, watched

# What a function exits with when another attempt would not help.
_NO_RETRY = (65,)

# After an attempt's code is gone: what it printed is written, its folder removed, its end settled.
_AFTER_SECONDS = 25.0
# Of these, what is left for the last two when its files are kept.
_LAST_SECONDS = 8.0
_NAMED = 3
_MIB = 1024 * 1024

_NO_ROOM = Exit(how=Ending.NODE_LOST, message="Its folder could not be made; is its scheduler out of disk?")

_encoder = msgspec.json.Encoder()
_log = log.get(__name__)


class Print(Output, Protocol):
    """Takes what an attempt prints, to be stored."""

    async def finish(self) -> object:
        """Everything is stored, or given up with a mark."""


class Keeping(Protocol):
    """Keeps the files that attempts leave."""

    async def keep(
        self, lease: Lease, folder: Path, *, seconds: float, largest: int | None
    ) -> Sequence[Lost]:
        """Keep what lies in the attempt's folder; what is lost. Raises nothing but a cancel.

        ``largest`` is the bytes of one file, where they are not the usual ones.
        """


Bringing = Callable[[Input, UUID, Path], Awaitable[Exit | None]]
"""Has the file that came with a job of this tenant in an attempt's folder, or says why not."""


def _ourselves(_: Needs) -> tuple[int, int] | None:
    return None


class Runner:
    """Carries out attempts by the runtimes that this replica offers."""

    def __init__(
        self,
        *,
        runtimes: Mapping[Needs, Runtime],
        root: Callable[[Needs], Path],
        printing: Callable[[Order], Print],
        keeping: Keeping,
        bringing: Bringing,
        keyring: Keyring,
        clock: DatabaseClock,
        invitations: Invitations | None = None,
        owner: Callable[[Needs], tuple[int, int] | None] = _ourselves,
        most_bytes: int = 2 * 1024**3,
        now: Clock = time.monotonic,
    ) -> None:
        """``root`` is where attempts that need the same have their folders, ``owner`` whose these are, by uid
        and gid, if not ours; ``most_bytes`` is what one may hold."""
        self._owner = owner
        self._most_bytes = most_bytes
        self._orders = Orders(keyring, invitations or Invitations(keyring, None))
        self._runtimes = runtimes
        self._root = root
        self._printing = printing
        self._keeping = keeping
        self._bringing = bringing
        self._clock = clock
        self._now = now

    async def run(
        self,
        lease: Lease,
        *,
        guard: Callable[[], bool],
        begun: Callable[[], object],
        leaving: Callable[[], bool] = lambda: False,
        span: Context | None = None,
    ) -> Settlement | NotStarted:
        """What came of the attempt. ``begun`` is told right before code may run; ``span`` is its own, if any.

        Cancelling this stops the code, waits until it is gone, and is raised again. If ``leaving`` then says
        so, code that can go on without us is left to the job's next attempt.
        """
        target, runtime = ordering.target(lease), self._runtimes.get(Needs(lease.needs))
        if runtime is None:
            return NotStarted()
        started = self._now()
        try:
            own = await self._made(lease)
        except OSError as error:
            _log.error("folder_not_made", job_id=str(lease.job_id), error=repr(error))
            return self._settlement(lease, target, Ended(_NO_ROOM), None, duration=0.0)
        try:
            if not guard():
                return NotStarted()
            begun()
            order = self._orders.order(lease, target, own.path, delivery.traceparent(lease, span))
            begin = partial(self._begun, target, runtime, order)
            ended = await self._carried_out(
                lease, order, begin, lambda: leaving() and ordering.has_more(lease)
            )
            found = fitting(target, await asyncio.to_thread(result.read, own.path))
            lost = await self._kept(lease, target, own.path)
        finally:
            if not await asyncio.to_thread(own.remove):
                _log.warning("folder_left", job_id=str(lease.job_id), attempt=lease.attempt)
        fault = found if isinstance(found, result.Fault) else None
        settlement = self._settlement(lease, target, ended, fault or lost, duration=self._now() - started)
        body = found if isinstance(found, bytes) else None
        said = None if fault is None else _encoder.encode(fault)
        return msgspec.structs.replace(settlement, body=body, headers=said)

    async def _kept(self, lease: Lease, target: Code, place: Path) -> result.Fault | None:
        """What is to be said of the files that the attempt left."""
        seconds = lease.deadline_at - self._clock.now() - _LAST_SECONDS
        megabytes = target.output_mb if isinstance(target, FunctionTarget) else None
        largest = megabytes * _MIB if megabytes is not None else None
        try:
            lost = await self._keeping.keep(lease, place, seconds=seconds, largest=largest)
        except asyncio.CancelledError:
            # The code has come to its end, and is not done again for its files.
            task = asyncio.current_task()
            if task is not None:
                task.uncancel()
            lost = [Lost("*", Reason.OUT_OF_TIME)]
        return _told(lost) if lost else None

    async def _made(self, lease: Lease) -> folder.Folder:
        name = folder.Name(lease.job_id, lease.attempt, lease.lease_token)
        root, owner = self._root(Needs(lease.needs)), self._owner(Needs(lease.needs))
        make = partial(folder.make, root, name, ordering.params(lease), owner=owner)
        making = asyncio.ensure_future(asyncio.to_thread(make))
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError:
            (await making).remove()
            raise

    async def _carried_out(
        self,
        lease: Lease,
        order: Order,
        begin: Callable[[Output], Awaitable[Work | Exit]],
        leaving: Callable[[], bool],
    ) -> Ended:
        output = self._printing(order)
        try:
            bounds = Bounds(
                seconds=self._seconds(lease, order), place=order.folder, most_bytes=self._most_bytes
            )
            return await watched(partial(begin, output), bounds, leaving=leaving)
        finally:
            await output.finish()

    def _seconds(self, lease: Lease, order: Order) -> float:
        """For the start and the work together: the end has to be settled while the lease is surely ours."""
        left = lease.deadline_at - self._clock.now()
        return min(lease.timeout_seconds, left - order.grace_seconds - _AFTER_SECONDS)

    async def _begun(self, target: Code, runtime: Runtime, order: Order, output: Output) -> Work | Exit:
        """What came with the job is there before its code is."""
        if isinstance(target, FunctionTarget) and target.input is not None:
            missing = await self._bringing(target.input, order.tenant_id, order.folder)
            if missing is not None:
                return missing
        return await runtime.start(order, output)

    def _settlement(
        self,
        lease: Lease,
        target: Code,
        ended: Ended,
        fault: result.Fault | None,
        *,
        duration: float,
    ) -> Settlement:
        """The exit code stands where a status would, the result where a body would, and what is wrong with it
        where headers would."""
        permanent = target.permanent_exit_codes if isinstance(target, ContainerTarget) else _NO_RETRY
        verdict = judge_exit(ended.exit, permanent=permanent, overran=ended.overran)
        if verdict.outcome is Outcome.SUCCEEDED and fault is not None:
            verdict = msgspec.structs.replace(verdict, code=fault.code.value, message=fault.message)
        settlement = delivery.ended(
            lease, verdict.outcome, now=self._clock.now(), verdict=verdict, duration=duration
        )
        return msgspec.structs.replace(settlement, status=ended.exit.code)


def _told(lost: Sequence[Lost]) -> result.Fault:
    named = ", ".join(f"{one.name} ({one.reason})" for one in lost[:_NAMED])
    more = f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
    return result.Fault(result.FaultCode.ARTIFACTS_LOST, f"Files were left that are not kept: {named}{more}.")
