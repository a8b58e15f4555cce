"""One attempt of a target that is code: its folder, its order, its end, and what that means for the job.

    folder ──► order ──guard──► start ──► wait ──► result ──► output written ──► settlement
                                  │         │
                                  │         └── past its time, or cut off: stopped, and waited for
                                  └── could not be started

What runs code (`scheduler.runtimes`) knows no job; here is nothing of engines. Whatever happens, the attempt
is over, its output stored and its folder gone before its settlement is handed on: a later attempt never meets
an earlier one.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import UnsetType

from core import log
from core.clock import Clock, DatabaseClock
from core.definitions import schemas
from core.jobs.backoff import Retry
from core.jobs.model import Lease, Needs, Outcome, Settlement, TargetType
from core.jobs.targets import ContainerTarget, FunctionTarget
from core.sealing import Keyring
from core.tenants.store import header_context
from scheduler import delivery
from scheduler.exits import judge_exit
from scheduler.runtimes import folder, result
from scheduler.runtimes.runtime import Ending, Exit, Order, Output, Runtime, Work
from scheduler.sender.reply import NotStarted

_containers = msgspec.json.Decoder(ContainerTarget)
_functions = msgspec.json.Decoder(FunctionTarget)
_retries = msgspec.json.Decoder(Retry)
_secrets = msgspec.json.Decoder(dict[str, str])

# What a function exits with when another attempt would not help.
_NO_RETRY = (65,)

# After an attempt's code is gone: what it printed is written, its folder removed, its end settled.
_AFTER_SECONDS = 25.0

_MOST_FLAWS = 5
_LONGEST = 1_000

_log = log.get(__name__)


class Print(Output, Protocol):
    """Takes what an attempt prints, to be stored."""

    async def finish(self) -> object:
        """Everything is stored, or given up with a mark."""


class Ended(msgspec.Struct, frozen=True):
    """How an attempt's code came to its end."""

    exit: Exit
    overran: bool = False
    """Whether it was stopped because its time was over."""


class Runner:
    """Carries out attempts by the runtimes that this replica offers."""

    def __init__(
        self,
        *,
        runtimes: Mapping[Needs, Runtime],
        root: Callable[[Needs], Path],
        printing: Callable[[Order], Print],
        keyring: Keyring,
        clock: DatabaseClock,
        now: Clock = time.monotonic,
    ) -> None:
        """``root`` is where attempts that need the same have their folders."""
        self._runtimes = runtimes
        self._root = root
        self._printing = printing
        self._keyring = keyring
        self._clock = clock
        self._now = now

    async def run(
        self, lease: Lease, *, guard: Callable[[], bool], begun: Callable[[], object]
    ) -> Settlement | NotStarted:
        """What came of the attempt. ``begun`` is told right before code may run.

        Cancelling this stops the code, waits until it is gone, and is raised again.
        """
        target, runtime = _target(lease), self._runtimes.get(Needs(lease.needs))
        if runtime is None:
            return NotStarted()
        started = self._now()
        own = await self._made(lease)
        try:
            if not guard():
                return NotStarted()
            begun()
            ended = await self._carried_out(lease, runtime, self._order(lease, target, own.path))
            found = _fitting(target, await asyncio.to_thread(result.read, own.path))
        finally:
            if not await asyncio.to_thread(own.remove):
                _log.warning("folder_left", job_id=str(lease.job_id), attempt=lease.attempt)
        return self._settlement(lease, target, ended, found, duration=self._now() - started)

    async def _made(self, lease: Lease) -> folder.Folder:
        name = folder.Name(lease.job_id, lease.attempt, lease.lease_token)
        root = self._root(Needs(lease.needs))
        making = asyncio.ensure_future(asyncio.to_thread(folder.make, root, name, _params(lease)))
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError:
            (await making).remove()
            raise

    async def _carried_out(self, lease: Lease, runtime: Runtime, order: Order) -> Ended:
        output = self._printing(order)
        try:
            return await self._watched(runtime, order, output, self._seconds(lease, order))
        finally:
            await output.finish()

    def _seconds(self, lease: Lease, order: Order) -> float:
        """For the start and the work together: the end has to be settled while the lease is surely ours."""
        left = lease.deadline_at - self._clock.now()
        return min(lease.timeout_seconds, left - order.grace_seconds - _AFTER_SECONDS)

    async def _watched(self, runtime: Runtime, order: Order, output: Output, seconds: float) -> Ended:
        work: Work | None = None
        try:
            async with asyncio.timeout(seconds):
                begun = await runtime.start(order, output)
                if isinstance(begun, Exit):
                    return Ended(begun)
                work = begun
                return Ended(await work.wait())
        except TimeoutError:
            if work is None:
                return Ended(Exit(how=Ending.NOT_STARTED), overran=True)
            await work.stop(timed_out=True)
            return Ended(await work.wait(), overran=True)
        except asyncio.CancelledError:
            if work is None:
                raise
            await work.stop()
            await work.wait()
            raise

    def _order(self, lease: Lease, target: ContainerTarget | FunctionTarget, place: Path) -> Order:
        order = Order(
            job_id=lease.job_id,
            attempt=lease.attempt,
            lease_token=lease.lease_token,
            tenant_id=lease.tenant_id,
            params=_params(lease),
            folder=place,
            environment={"NOONMARK_MAX_ATTEMPTS": str(_retries.decode(lease.retry).max_attempts)},
        )
        if isinstance(target, FunctionTarget):
            return msgspec.structs.replace(order, command=(target.function,))
        return msgspec.structs.replace(
            order,
            command=target.command,
            image=target.image,
            environment=order.environment | target.env | self._opened(lease),
            working_directory=target.working_directory,
            limits=target.limits,
            network=target.network,
            grace_seconds=target.grace_seconds,
        )

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
        found: bytes | result.Fault | None,
        *,
        duration: float,
    ) -> Settlement:
        """The exit code stands where a status would, the result where a body would."""
        permanent = target.permanent_exit_codes if isinstance(target, ContainerTarget) else _NO_RETRY
        verdict = judge_exit(ended.exit, permanent=permanent, overran=ended.overran)
        if verdict.outcome is Outcome.SUCCEEDED and isinstance(found, result.Fault):
            verdict = msgspec.structs.replace(verdict, code=found.code.value, message=found.message)
        settlement = delivery.ended(
            lease, verdict.outcome, now=self._clock.now(), verdict=verdict, duration=duration
        )
        body = found if isinstance(found, bytes) else None
        return msgspec.structs.replace(settlement, status=ended.exit.code, body=body)


def _target(lease: Lease) -> ContainerTarget | FunctionTarget:
    decoder = _functions if lease.target_type == TargetType.FUNCTION else _containers
    return decoder.decode(lease.target)


def _fitting(
    target: ContainerTarget | FunctionTarget, found: bytes | result.Fault | None
) -> bytes | result.Fault | None:
    """A result that fits the schema of the job's definition, if that has one; no result fits as null does."""
    if isinstance(target.result_schema, UnsetType) or isinstance(found, result.Fault):
        return found
    flaws = schemas.read(bytes(target.result_schema).decode()).flaws(b"null" if found is None else found)
    if not flaws:
        return found
    told = "; ".join(f"{flaw.pointer or 'it'} {flaw.message}" for flaw in flaws[:_MOST_FLAWS])
    return result.Fault(result.FaultCode.UNFIT, f"The result does not fit its schema: {told}"[:_LONGEST])


def _params(lease: Lease) -> bytes:
    return lease.body or b"null"
