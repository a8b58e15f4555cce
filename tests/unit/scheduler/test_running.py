"""An attempt of code among fakes: its one deadline, its stop, and what is left of it."""

import asyncio
from collections.abc import Collection, Sequence
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from core.artifacts.model import Lost, Reason
from core.clock import DatabaseClock
from core.jobs.model import Lease, Needs, Outcome, Settlement, TargetType
from core.jobs.targets import ContainerRuntime, ContainerTarget, FunctionTarget, Input
from core.logs.model import Stream
from scheduler.running import Runner
from scheduler.runtimes.runtime import Ending, Exit, Order, Output, Work
from scheduler.sender.reply import NotStarted
from tests.unit.scheduler.fakes import KEYRING, NOW, FakeClock, lease

_TARGET = ContainerTarget(runtime=ContainerRuntime.PROCESS, command=("x",), grace_seconds=1.0)


class FakeWork(Work):
    """Goes on until it is stopped, or ends at once with this code."""

    def __init__(self, code: int | None) -> None:
        self.stops: list[bool] = []
        self.waited_for = asyncio.Event()
        self._over = asyncio.Event()
        self._exit = Exit(how=Ending.STOPPED, code=143)
        if code is not None:
            self._exit = Exit(how=Ending.EXITED, code=code)
            self._over.set()

    async def wait(self) -> Exit:
        self.waited_for.set()
        await self._over.wait()
        return self._exit

    async def stop(self, *, timed_out: bool = False) -> None:
        self.stops.append(timed_out)
        self._over.set()


class FakeLasting(FakeWork):
    """Can go on without its scheduler."""

    left = False

    async def leave(self) -> None:
        self.left = True


class FakeRuntime:
    """Starts when it is let."""

    def __init__(self, code: int | None = None) -> None:
        self.work = FakeWork(code)
        self.orders: list[Order] = []
        self.let = asyncio.Event()
        self.let.set()

    async def start(self, order: Order, output: Output) -> Work | Exit:
        self.orders.append(order)
        await self.let.wait()
        return self.work

    async def sweep(self, held: Collection[UUID]) -> int:
        return 0

    async def close(self) -> None:
        pass


class Paper:
    """What was printed; whether it was put away."""

    def __init__(self) -> None:
        self.finished = False

    def write(self, stream: Stream, data: bytes) -> None:
        pass

    async def finish(self) -> None:
        self.finished = True


class FakeKeeper:
    """Loses what it is told to; never comes to an end unless it is let."""

    def __init__(self) -> None:
        self.lost: list[Lost] = []
        self.largest: int | None = None
        self.asked = asyncio.Event()
        self.let = asyncio.Event()
        self.let.set()

    async def keep(
        self, lease: Lease, folder: Path, *, seconds: float, largest: int | None
    ) -> Sequence[Lost]:
        self.largest = largest
        self.asked.set()
        await self.let.wait()
        return self.lost


class Scene:
    """A runner with one runtime. Make it inside a running loop."""

    def __init__(self, root: Path, code: int | None = None) -> None:
        clock = FakeClock()
        database_clock = DatabaseClock(clock)
        database_clock.observe(NOW)
        self.root, self.paper, self.runtime = root, Paper(), FakeRuntime(code)
        self.keeper = FakeKeeper()
        self.brought: list[tuple[Input, UUID, Path]] = []
        self.missing: Exit | None = None
        self.runner = Runner(
            runtimes=dict.fromkeys((Needs.PROCESS, Needs.FUNCTION), self.runtime), root=lambda _: root,
            printing=lambda _: self.paper, keeping=self.keeper, bringing=self.bring, keyring=KEYRING,
            clock=database_clock, now=clock,
        )  # fmt: skip

    async def bring(self, wanted: Input, tenant: UUID, folder: Path) -> Exit | None:
        self.brought.append((wanted, tenant, folder))
        return self.missing

    async def run(
        self, held: Lease, *, allowed: bool = True, leaving: bool = False
    ) -> Settlement | NotStarted:
        return await self.runner.run(held, guard=lambda: allowed, begun=lambda: None, leaving=lambda: leaving)

    def left(self) -> list[Path]:
        return list(self.root.iterdir()) if self.root.exists() else []


def held(*, seconds: float = 30.0, needs: Needs = Needs.PROCESS, after: float = 26.0) -> Lease:
    """A lease with so much time; its deadline leaves `after` beyond the time and the grace."""
    made = lease(
        target_type=TargetType.CONTAINER, target=msgspec.json.encode(_TARGET).decode(), needs=needs,
        deadline_at=NOW + seconds + _TARGET.grace_seconds + after,
    )  # fmt: skip
    return msgspec.structs.replace(made, timeout_seconds=seconds)


async def test_an_attempt_leaves_no_folder_and_all_that_it_printed(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "a", code=0)
    settled = await scene.run(held())
    assert isinstance(settled, Settlement)
    assert (settled.outcome, settled.status) == (Outcome.SUCCEEDED, 0)
    assert scene.paper.finished
    assert scene.left() == []


async def test_what_overruns_is_told_that_its_time_was_over(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "a")
    settled = await scene.run(held(seconds=0.05))
    assert isinstance(settled, Settlement)
    assert (settled.outcome, settled.error_code) == (Outcome.TIMED_OUT, "timeout")
    assert scene.runtime.work.stops == [True]


async def test_a_start_that_does_not_come_to_an_end_counts_against_the_same_time(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "a")
    scene.runtime.let.clear()
    settled = await scene.run(held(seconds=0.05))
    assert isinstance(settled, Settlement)
    assert settled.outcome is Outcome.TIMED_OUT
    assert scene.runtime.work.stops == []
    assert scene.left() == []


async def test_an_attempt_is_over_while_its_lease_is_surely_held(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "a")
    late = msgspec.structs.replace(held(), deadline_at=NOW + _TARGET.grace_seconds + 25.0 + 0.05)
    settled = await scene.run(late)
    assert isinstance(settled, Settlement)
    assert settled.outcome is Outcome.TIMED_OUT


@pytest.mark.promise(7)
async def test_a_cancelled_attempt_is_stopped_and_waited_for(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "a")
    running = asyncio.ensure_future(scene.run(held()))
    await scene.runtime.work.waited_for.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert scene.runtime.work.stops == [False]
    assert scene.paper.finished
    assert scene.left() == []


@pytest.mark.parametrize(
    ("leaving", "attempt", "left"), [(True, 1, True), (False, 1, False), (True, 3, False)]
)
async def test_what_can_go_on_is_left_to_the_next_attempt_if_there_is_one(
    tmp_path: Path, leaving: bool, attempt: int, left: bool
) -> None:
    scene = Scene(tmp_path / "a")
    work = scene.runtime.work = FakeLasting(None)
    lease = msgspec.structs.replace(held(), attempt=attempt, retry='{"max_attempts":3}')
    running = asyncio.ensure_future(scene.run(lease, leaving=leaving))
    await work.waited_for.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (work.left, work.stops) == (left, [] if left else [False])
    assert scene.left() == []


async def test_an_order_says_its_time_and_how_many_attempts_before_it_were_lost(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "a", code=0)
    await scene.run(msgspec.structs.replace(held(seconds=30.0), losses=2))
    [order] = scene.runtime.orders
    assert (order.timeout_seconds, order.losses) == (30.0, 2)


async def test_a_result_that_does_not_fit_is_told_and_not_kept(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "a", code=0)
    target = msgspec.structs.replace(_TARGET, result_schema=msgspec.Raw(b'{"type":"object"}'))
    settled = await scene.run(msgspec.structs.replace(held(), target=msgspec.json.encode(target).decode()))
    assert isinstance(settled, Settlement)
    assert (settled.outcome, settled.error_code, settled.body) == (Outcome.SUCCEEDED, "result_unfit", None)
    assert settled.error_message == 'The result does not fit its schema: it is not of type "object"'


@pytest.mark.parametrize(("allowed", "needs"), [(False, Needs.PROCESS), (True, Needs.DOCKER)])
async def test_nothing_is_started_that_is_forbidden_or_not_offered(
    tmp_path: Path, allowed: bool, needs: Needs
) -> None:
    scene = Scene(tmp_path / "a")
    assert isinstance(await scene.run(held(needs=needs), allowed=allowed), NotStarted)
    assert scene.runtime.orders == []
    assert scene.left() == []


async def test_a_success_whose_files_are_lost_stays_one_and_says_so(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "a", code=0)
    scene.keeper.lost = [Lost(name, Reason.TOO_LARGE) for name in "abcde"]
    settled = await scene.run(held())
    assert isinstance(settled, Settlement)
    assert (settled.outcome, settled.error_code) == (Outcome.SUCCEEDED, "artifacts_lost")
    assert settled.error_message == (
        "Files were left that are not kept: a (too_large), b (too_large), c (too_large) and 2 more."
    )


async def test_a_failure_says_why_it_failed_whatever_became_of_its_files(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "a", code=3)
    scene.keeper.lost = [Lost("a", Reason.TOO_LARGE)]
    settled = await scene.run(held())
    assert isinstance(settled, Settlement)
    assert (settled.outcome, settled.error_code) == (Outcome.FAILED, "exited")


async def test_what_is_cut_off_while_its_files_are_kept_ends_as_its_code_did(
    tmp_path: Path,
) -> None:
    scene = Scene(tmp_path / "a", code=0)
    scene.keeper.let.clear()
    attempt = asyncio.create_task(scene.run(held()))
    await scene.keeper.asked.wait()
    attempt.cancel()
    settled = await attempt
    assert isinstance(settled, Settlement)
    assert (settled.outcome, settled.error_code) == (Outcome.SUCCEEDED, "artifacts_lost")
    assert scene.left() == []


def with_a_file(wanted: Input) -> Lease:
    target = FunctionTarget(function="encode.video@1", input=wanted, output_mb=512)
    made = held(needs=Needs.FUNCTION)
    return msgspec.structs.replace(
        made, target_type=TargetType.FUNCTION, target=msgspec.json.encode(target).decode()
    )


_FILE = Input(job=UUID(int=7), artifact=UUID(int=8), name="clip.mp4", size=3, sha256="00")


async def test_what_came_with_a_job_is_there_before_its_code(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "a", code=0)
    lease = with_a_file(_FILE)
    await scene.run(lease)
    [order] = scene.runtime.orders
    assert scene.brought == [(_FILE, lease.tenant_id, order.folder)]
    assert order.inputs == ("input",)
    assert scene.keeper.largest == 512 * 1024 * 1024


async def test_nothing_starts_without_the_file_that_came_with_the_job(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "a", code=0)
    scene.missing = Exit(how=Ending.NOT_STARTED, message="It is gone.")
    settled = await scene.run(with_a_file(_FILE))
    assert isinstance(settled, Settlement)
    assert (settled.outcome, settled.error_code, settled.error_message, settled.retry_seconds) == (
        Outcome.FAILED, "not_started", "It is gone.", None,
    )  # fmt: skip
    assert scene.runtime.orders == []
