"""What outlives a scheduler is taken up, or swept, through a real API server."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from scheduler.runtimes.runtime import Ending, Exit
from tests.kubernetes.node import Node
from tests.kubernetes.plane import Plane
from tests.kubernetes.rig import Rig


@pytest.fixture
async def other(plane: Plane, node: Node, tmp_path: Path) -> AsyncIterator[Rig]:
    started = Rig(plane, node, tmp_path, replica="two")
    yield started
    await started.runtime.close()


async def test_a_pod_that_outlived_its_scheduler_is_taken_up(rig: Rig, other: Rig, node: Node) -> None:
    first = rig.order("hold")
    await rig.abandon(await rig.running(first))
    before = len(node.seen)
    second = other.again(first)
    work = await other.begin(second)
    [job] = await node.all("jobs", "apis/batch/v1")
    assert job["metadata"]["labels"]["noonmark/lease"] == str(second.lease_token)
    node.end(first.job_id, 5)
    assert await work.wait() == Exit(how=Ending.EXITED, code=5)
    assert other.printed.out == "hello\n"
    assert len(node.seen) == before


async def test_an_end_that_nobody_saw_is_taken_up_with_its_result(rig: Rig, other: Rig, node: Node) -> None:
    first = rig.order("hold")
    await rig.abandon(await rig.running(first))
    node.end(first.job_id, 0)
    second = other.again(first)
    assert await other.carry_out(second) == Exit(how=Ending.EXITED, code=0)
    assert (second.folder / "out" / "result.json").read_bytes() == b'{"score":61}'


async def test_what_was_left_is_taken_up(rig: Rig, other: Rig, node: Node) -> None:
    first = rig.order("hold")
    await (await rig.running(first)).leave()
    work = await other.begin(other.again(first, losses=0))
    node.end(first.job_id, 0)
    assert await work.wait() == Exit(how=Ending.EXITED, code=0)


async def test_what_was_settled_is_removed_and_made_anew(rig: Rig, other: Rig, node: Node) -> None:
    first = rig.order("hold")
    await rig.abandon(await rig.running(first))
    before = len(node.seen)
    work = await other.running(other.again(first, losses=0))
    assert len(node.seen) == before + 1
    node.end(first.job_id, 0)
    assert await work.wait() == Exit(how=Ending.EXITED, code=0)


async def test_a_scheduler_that_comes_back_ends_nothing_that_is_another_ones(
    rig: Rig, other: Rig, node: Node
) -> None:
    first = rig.order("hold")
    late = await rig.running(first)
    work = await other.begin(other.again(first))
    await late.stop()
    pod = await node.pod(first.job_id)
    assert pod is not None and "deletionTimestamp" not in pod["metadata"]
    node.end(first.job_id, 0)
    assert await work.wait() == Exit(how=Ending.EXITED, code=0)


async def test_a_sweep_removes_what_is_over_and_nothing_else(rig: Rig, other: Rig) -> None:
    first, second = rig.order("hold"), rig.order("hold")
    await rig.abandon(await rig.running(first))
    await rig.abandon(await rig.running(second))
    other.over.add(first.job_id)
    assert await other.runtime.sweep([]) == 1
    other.over.add(second.job_id)
    assert await other.runtime.sweep([second.lease_token]) == 0
    assert await other.runtime.sweep([]) == 1
    await other.until_nothing_is_left()
