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
from core.jobs.backoff import Retry
from core.jobs.model import Lease, Needs, Outcome, Settlement, TargetType
from core.jobs.targets import ContainerTarget, FunctionTarget, Input
from core.sealing import Keyring
from core.tenants.store import header_context
from core.tracing.context import Context
from scheduler import delivery
from scheduler.bringing import NAME as INPUT
from scheduler.exits import judge_exit
from scheduler.fitting import fitting
from scheduler.inviting import Invitations
from scheduler.runtimes import folder, quota, result
from scheduler.runtimes.runtime import Ending, Exit, Lasting, Order, Output, Runtime, Work
from scheduler.sender.reply import NotStarted

_containers = msgspec.json.Decoder(ContainerTarget)
_functions = msgspec.json.Decoder(FunctionTarget)
_retries = msgspec.json.Decoder(Retry)
_secrets = msgspec.json.Decoder(dict[str, str])

# What a function exits with when another attempt would not help.
_NO_RETRY = (65,)

# After an attempt's code is gone: what it printed is written, its folder removed, its end settled.
_AFTER_SECONDS = 25.0
# Of these, what is left for the last two when its files are kept.
_LAST_SECONDS = 8.0
_NAMED = 3
_MIB = 1024 * 1024

# Between two looks at what an attempt has written.
_LOOK_SECONDS = 1.0

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


class Ended(msgspec.Struct, frozen=True):
    """How an attempt's code came to its end."""

    exit: Exit
    overran: bool = False
    """Whether it was stopped because its time was over."""


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
        self._invitations = invitations or Invitations(keyring, None)
        self._runtimes = runtimes
        self._root = root
        self._printing = printing
        self._keeping = keeping
        self._bringing = bringing
        self._keyring = keyring
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
        target, runtime = _target(lease), self._runtimes.get(Needs(lease.needs))
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
            order = self._order(lease, target, own.path, delivery.traceparent(lease, span))
            begin = partial(self._begun, target, runtime, order)
            ended = await self._carried_out(lease, order, begin, lambda: leaving() and _has_more(lease))
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

    async def _kept(
        self, lease: Lease, target: ContainerTarget | FunctionTarget, place: Path
    ) -> result.Fault | None:
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
        make = partial(folder.make, root, name, _params(lease), owner=owner)
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
            seconds = self._seconds(lease, order)
            return await self._watched(partial(begin, output), seconds, leaving, order.folder)
        finally:
            await output.finish()

    def _seconds(self, lease: Lease, order: Order) -> float:
        """For the start and the work together: the end has to be settled while the lease is surely ours."""
        left = lease.deadline_at - self._clock.now()
        return min(lease.timeout_seconds, left - order.grace_seconds - _AFTER_SECONDS)

    async def _begun(
        self, target: ContainerTarget | FunctionTarget, runtime: Runtime, order: Order, output: Output
    ) -> Work | Exit:
        """What came with the job is there before its code is."""
        if isinstance(target, FunctionTarget) and target.input is not None:
            missing = await self._bringing(target.input, order.tenant_id, order.folder)
            if missing is not None:
                return missing
        return await runtime.start(order, output)

    async def _watched(
        self,
        begin: Callable[[], Awaitable[Work | Exit]],
        seconds: float,
        leaving: Callable[[], bool],
        place: Path,
    ) -> Ended:
        work: Work | None = None
        try:
            async with asyncio.timeout(seconds):
                begun = await begin()
                if isinstance(begun, Exit):
                    return Ended(begun)
                work = begun
                return Ended(await self._ended(work, place))
        except TimeoutError:
            if work is None:
                return Ended(Exit(how=Ending.NOT_STARTED), overran=True)
            await work.stop(timed_out=True)
            return Ended(await work.wait(), overran=True)
        except asyncio.CancelledError:
            if work is None:
                raise
            if isinstance(work, Lasting) and leaving():
                await work.leave()
                raise
            await work.stop()
            await work.wait()
            raise

    async def _ended(self, work: Work, place: Path) -> Exit:
        """Its end, also where that is for what it wrote."""
        waiting = asyncio.ensure_future(work.wait())
        try:
            while not (await asyncio.wait({waiting}, timeout=_LOOK_SECONDS))[0]:
                if await asyncio.to_thread(quota.exceeded, place, self._most_bytes):
                    await work.stop()
                    return msgspec.structs.replace(await waiting, how=Ending.OUTPUT_TOO_LARGE, message="")
            return waiting.result()
        finally:
            waiting.cancel()

    def _order(
        self, lease: Lease, target: ContainerTarget | FunctionTarget, place: Path, trace: str | None
    ) -> Order:
        order = Order(
            job_id=lease.job_id,
            attempt=lease.attempt,
            lease_token=lease.lease_token,
            tenant_id=lease.tenant_id,
            params=_params(lease),
            folder=place,
            environment=self._ours(lease, trace),
            timeout_seconds=lease.timeout_seconds,
            losses=lease.losses,
        )
        if isinstance(target, FunctionTarget):
            inputs = () if target.input is None else (INPUT,)
            return msgspec.structs.replace(order, command=(target.function,), inputs=inputs)
        return msgspec.structs.replace(
            order,
            command=target.command,
            image=target.image,
            environment=target.env | self._opened(lease) | order.environment,
            working_directory=target.working_directory,
            limits=target.limits,
            network=target.network,
            grace_seconds=target.grace_seconds,
        )

    def _ours(self, lease: Lease, trace: str | None) -> dict[str, str]:
        most = {"NOONMARK_MAX_ATTEMPTS": str(_retries.decode(lease.retry).max_attempts)}
        # As OpenTelemetry passes it on to programs.
        traced = {"TRACEPARENT": trace} if trace is not None else {}
        return most | traced | self._invitations.to(lease)

    def _opened(self, lease: Lease) -> dict[str, str]:
        if lease.sealed_headers is None:
            return {}
        return _secrets.decode(
            self._keyring.open(lease.sealed_headers, context=header_context(lease.tenant_id))
        )

    def _settlement(
        self,
        lease: Lease,
        target: ContainerTarget | FunctionTarget,
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


def _target(lease: Lease) -> ContainerTarget | FunctionTarget:
    decoder = _functions if lease.target_type == TargetType.FUNCTION else _containers
    return decoder.decode(lease.target)


def _has_more(lease: Lease) -> bool:
    """Whether another attempt would follow this one."""
    return lease.attempt < _retries.decode(lease.retry).max_attempts


def _params(lease: Lease) -> bytes:
    return lease.body or b"null"
