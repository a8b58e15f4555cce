"""A sweep removes what belongs to jobs that are over, and nothing else."""

from pathlib import Path

import pytest

from tests.integration.scheduler.runtimes.kubernetes.fake import FakeCluster
from tests.integration.scheduler.runtimes.kubernetes.rig import Rig
from tests.integration.scheduler.runtimes.kubernetes.test_adoption import crashed


@pytest.fixture
def other(fake: FakeCluster, tmp_path: Path) -> Rig:
    return Rig(fake, tmp_path, replica="two")


async def test_what_a_job_that_is_over_has_left_is_removed_with_all_that_is_its(rig: Rig, other: Rig) -> None:
    order = rig.order("sleep")
    await crashed(rig, order)
    other.over.add(order.job_id)
    assert await other.runtime.sweep([]) == 1
    assert rig.left() == []
    assert await other.runtime.sweep([]) == 0
    await other.runtime.close()


async def test_what_waits_for_its_next_attempt_is_left_to_that(rig: Rig, other: Rig) -> None:
    order = rig.order("sleep")
    await crashed(rig, order)
    assert await other.runtime.sweep([]) == 0
    assert len(rig.fake.objects["jobs"]) == 1
    other.over.add(order.job_id)
    assert await other.runtime.sweep([]) == 1
    await other.runtime.close()


async def test_what_a_live_scheduler_holds_is_left_alone(rig: Rig, other: Rig) -> None:
    order = rig.order("sleep")
    work, _ = await rig.running(order)
    other.over.add(order.job_id)
    assert await other.runtime.sweep([order.lease_token]) == 0
    await work.stop()
    await other.runtime.close()


async def test_what_another_installation_started_is_left_alone(rig: Rig, other: Rig) -> None:
    order = rig.order("sleep")
    work, _ = await rig.running(order)
    [job] = rig.fake.objects["jobs"].values()
    job["metadata"]["labels"]["noonmark/installation"] = "another"
    other.over.add(order.job_id)
    assert await other.runtime.sweep([]) == 0
    await work.stop()
    await other.runtime.close()


async def test_a_job_that_changes_hands_during_a_sweep_is_left_alone(rig: Rig, other: Rig) -> None:
    order = rig.order("sleep")
    pod = await crashed(rig, order)
    second = rig.again(order, losses=1)

    async def taken(asked: object) -> set[object]:
        """Says that it is over, and is wrong by then."""
        other.taken = await other.begin(second)  # type: ignore[attr-defined]
        return {order.job_id}

    other.runtime._over = taken  # type: ignore[assignment]
    assert await other.runtime.sweep([]) == 0
    await pod.exit(0)
    await other.taken.wait()  # type: ignore[attr-defined]
    await other.runtime.close()
