"""What a scheduler that ended has left running: the next attempt takes it up, and runs nothing twice."""

from pathlib import Path

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.batch_v1 import Job

from scheduler.runtimes.kubernetes.holding import holder
from scheduler.runtimes.runtime import Ending, Exit, Order
from tests.integration.scheduler.runtimes.kubernetes.fake import FakeCluster, FakePod
from tests.integration.scheduler.runtimes.kubernetes.rig import Rig


@pytest.fixture
def other(fake: FakeCluster, tmp_path: Path) -> Rig:
    """The replica that takes up; the first is never told to end anything."""
    return Rig(fake, tmp_path, replica="two")


async def crashed(rig: Rig, order: Order) -> FakePod:
    """A pod whose scheduler was killed: nobody follows it, nobody has removed anything."""
    work, pod = await rig.running(order)
    # What kill -9 does to a task.
    end = work._end  # type: ignore[attr-defined]
    end.cancel()
    return pod


def token(rig: Rig) -> str:
    [job] = rig.fake.objects["jobs"].values()
    return str(job["metadata"]["labels"]["noonmark/lease"])


@pytest.mark.promise(3)
async def test_a_pod_that_outlived_its_scheduler_is_waited_for_and_not_run_again(
    rig: Rig, other: Rig
) -> None:
    first = rig.order("sleep")
    pod = await crashed(rig, first)
    pod.says(b"from the first\n")
    second = rig.again(first, losses=1)
    work = await other.begin(second)
    assert token(rig) == str(second.lease_token)
    await pod.exit(5)
    assert await work.wait() == Exit(how=Ending.EXITED, code=5)
    assert other.printed.out == "from the first\n"
    assert rig.fake.requests.count("POST jobs") == 2, "the second found the name taken"
    assert len(rig.fake.pods) == 1
    await other.runtime.close()


async def test_a_pod_that_came_to_its_end_unwatched_is_not_run_again(rig: Rig, other: Rig) -> None:
    first = rig.order("true")
    pod = await crashed(rig, first)
    pod.says(b"all of it\n")
    await pod.exit(0)
    end = await other.carry_out(rig.again(first, losses=1))
    assert end == Exit(how=Ending.EXITED, code=0)
    assert other.printed.out == "all of it\n"
    assert len(rig.fake.pods) == 1
    await other.runtime.close()


async def test_a_job_that_was_let_go_of_is_taken_up_by_the_next_attempt(rig: Rig, other: Rig) -> None:
    first = rig.order("sleep")
    work, pod = await rig.running(first)
    await work.leave()
    assert not pod.object["metadata"].get("deletionTimestamp")
    taken = await other.begin(rig.again(first))
    await pod.exit(0)
    assert await taken.wait() == Exit(how=Ending.EXITED, code=0)
    assert len(rig.fake.pods) == 1
    await other.runtime.close()


async def test_what_an_attempt_left_whose_end_was_seen_is_removed_and_run_again(rig: Rig, other: Rig) -> None:
    first = rig.order("true")
    old = await crashed(rig, first)
    await old.exit(3)
    work = await other.begin(rig.again(first, losses=0))
    new = rig.pod()
    assert new is not old
    await new.start()
    await new.exit(0)
    assert await work.wait() == Exit(how=Ending.EXITED, code=0)
    await other.runtime.close()


async def test_what_its_node_lost_is_run_again(rig: Rig, other: Rig) -> None:
    first = rig.order("true")
    old = await crashed(rig, first)
    await old.exit(137)
    await old.fail("Evicted", "The node was low on resource: memory.")
    work = await other.begin(rig.again(first, losses=1))
    new = rig.pod()
    assert new is not old
    await new.start()
    await new.exit(0)
    assert await work.wait() == Exit(how=Ending.EXITED, code=0)
    await other.runtime.close()


@pytest.mark.promise(5)
async def test_a_scheduler_that_comes_back_cannot_end_what_was_taken_up(rig: Rig, other: Rig) -> None:
    first = rig.order("sleep")
    work, pod = await rig.running(first)
    second = rig.again(first, losses=1)
    taken = await other.begin(second)
    await work.stop()
    assert not pod.object["metadata"].get("deletionTimestamp")
    assert token(rig) == str(second.lease_token)
    await pod.exit(0)
    assert await taken.wait() == Exit(how=Ending.EXITED, code=0)
    await other.runtime.close()


@pytest.mark.promise(5)
async def test_an_attempt_that_is_late_leaves_a_later_ones_job_alone(rig: Rig, other: Rig) -> None:
    first = rig.order("sleep")
    second = rig.again(first, losses=1)
    work, pod = await other.running(second)
    end = await rig.carry_out(first)
    assert end.how is Ending.NODE_LOST
    assert not pod.object["metadata"].get("deletionTimestamp")
    await pod.exit(0)
    assert await work.wait() == Exit(how=Ending.EXITED, code=0)
    await other.runtime.close()


async def test_a_job_that_is_being_removed_is_waited_for(rig: Rig, other: Rig) -> None:
    first = rig.order("sleep")
    old = await crashed(rig, first)
    old.obeys = False
    await old.terminate()
    [job] = rig.fake.objects["jobs"].values()
    job["metadata"]["deletionTimestamp"] = old.object["metadata"]["deletionTimestamp"]
    second = rig.again(first, losses=1)
    starting = other.begin(second)
    await old.gone()
    work = await starting
    new = rig.pod()
    assert new is not old
    await new.start()
    await new.exit(0)
    assert await work.wait() == Exit(how=Ending.EXITED, code=0)
    await other.runtime.close()


async def test_the_missing_secret_of_a_scheduler_that_died_in_between_is_made_up_for(
    rig: Rig, other: Rig
) -> None:
    first = rig.order("sleep", environment={"KEY": "value"})
    pod = await crashed(rig, first)
    [name] = rig.fake.objects["secrets"]
    await rig.fake.drop("secrets", name)
    work = await other.begin(rig.again(first, losses=1))
    assert list(rig.fake.objects["secrets"]) == [name]
    await pod.exit(0)
    await work.wait()
    await other.runtime.close()


async def test_an_answer_that_never_arrived_is_no_second_job(rig: Rig) -> None:
    order = rig.order("true")
    pod = await crashed(rig, order)
    work = await rig.begin(order)
    assert rig.pod() is pod
    await pod.exit(0)
    assert await work.wait() == Exit(how=Ending.EXITED, code=0)


def test_what_is_no_job_of_ours_has_no_holder() -> None:
    assert holder(Job(metadata=ObjectMeta(labels={"noonmark/job": "x"}))) is None
    assert holder(Job()) is None


async def test_an_end_that_is_known_before_its_pod_is_not_told_without_it(
    rig: Rig, other: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Job's end may be read before the first list of pods has come."""
    first = rig.order("true")
    pod = await crashed(rig, first)
    pod.says(b"all of it\n")
    await pod.exit(0)
    monkeypatch.setattr("scheduler.runtimes.kubernetes.pods.Pods.begin", lambda self: None)
    end = await other.carry_out(rig.again(first, losses=1))
    assert end == Exit(how=Ending.EXITED, code=0)
    assert other.printed.out == "all of it\n"
    await other.runtime.close()


async def test_a_job_that_nobody_ends_any_more_is_ended_by_force(
    rig: Rig, other: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its scheduler died while it stopped it, and its node does not answer."""
    monkeypatch.setattr("scheduler.runtimes.kubernetes.runtime._AGAIN_SECONDS", 0.02)
    monkeypatch.setattr("scheduler.runtimes.kubernetes.runtime._TRIES_TO_FORCE", 5)
    first = rig.order("sleep")
    old = await crashed(rig, first)
    old.obeys = False
    await old.terminate()
    [job] = rig.fake.objects["jobs"].values()
    job["metadata"]["deletionTimestamp"] = old.object["metadata"]["deletionTimestamp"]
    work = await other.begin(rig.again(first, losses=1))
    new = rig.pod()
    assert new is not old
    await new.start()
    await new.exit(0)
    assert await work.wait() == Exit(how=Ending.EXITED, code=0)
    await other.runtime.close()
