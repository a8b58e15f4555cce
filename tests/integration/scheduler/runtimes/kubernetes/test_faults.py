"""The cluster is away, forgets, forbids, or breaks off; what that costs, and what it does not."""

from uuid import UUID

import pytest

from scheduler.runtimes.kubernetes.cluster import Answered, ClusterAway
from scheduler.runtimes.runtime import Ending, Exit
from tests.integration.scheduler.runtimes.kubernetes.rig import Rig


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here is waited for."""
    monkeypatch.setattr("scheduler.runtimes.kubernetes.pods._AGAIN_SECONDS", 0.02)
    monkeypatch.setattr("scheduler.runtimes.kubernetes.printed._AGAIN_SECONDS", 0.02)
    monkeypatch.setattr("scheduler.runtimes.kubernetes.work._LOOK_SECONDS", 0.05)


async def test_a_cluster_that_is_away_for_a_while_ends_nothing(rig: Rig) -> None:
    work, pod = await rig.running(rig.order("sleep"))
    await rig.until(lambda: rig.fake.watches, "pods are watched")
    rig.fake.away = True
    await pod.print(b"meanwhile\n")
    pod.break_reading()
    before = len(rig.fake.requests)
    await rig.until(lambda: len(rig.fake.requests) > before + 5, "it was asked in vain")
    rig.fake.away = False
    await pod.exit(7)
    assert await work.wait() == Exit(how=Ending.EXITED, code=7)
    assert rig.printed.out == "meanwhile\n"


async def test_a_version_that_the_cluster_has_forgotten_is_no_end(rig: Rig) -> None:
    work, pod = await rig.running(rig.order("sleep"))
    await rig.until(lambda: rig.fake.watches, "pods are watched")
    rig.fake.forget()
    await rig.fake.put("pods", pod.object)
    rig.fake.forget()
    await pod.exit(0)
    assert await work.wait() == Exit(how=Ending.EXITED, code=0)


async def test_output_that_breaks_off_goes_on_where_it_was(rig: Rig) -> None:
    work, pod = await rig.running(rig.order("sleep"))
    for number in range(20):
        await pod.print(b"line %d\n" % number)
        await rig.until(lambda: rig.printed.out.count("\n") == number + 1, "it is printed")  # noqa: B023
        if number % 5 == 4:
            pod.break_reading()
            await pod.print(b"")
    await pod.exit(0)
    await work.wait()
    assert rig.printed.out == "".join(f"line {number}\n" for number in range(20))
    assert pod.reads >= 5


async def test_a_cluster_that_is_away_is_said_so_at_a_start_and_at_a_sweep(rig: Rig) -> None:
    rig.fake.away = True
    assert (await rig.carry_out(rig.order("true"))).how is Ending.NODE_LOST
    with pytest.raises(ClusterAway):
        await rig.runtime.sweep([])
    with pytest.raises(ClusterAway):
        await rig.runtime.check()


async def test_a_stop_that_cannot_be_told_ends_as_not_known(rig: Rig) -> None:
    work, _ = await rig.running(rig.order("sleep"))
    rig.fake.away = True
    await work.stop()
    assert (await work.wait()).how is Ending.NODE_LOST
    rig.fake.away = False
    rig.over = {UUID(job["metadata"]["labels"]["noonmark/job"]) for job in rig.fake.objects["jobs"].values()}
    assert await rig.runtime.sweep([]) == 1


async def test_what_the_scheduler_may_not_make_is_said_by_the_cluster(rig: Rig) -> None:
    rig.fake.broken.add("POST jobs")
    with pytest.raises(Answered, match="forbidden"):
        await rig.runtime.start(rig.order("true"), rig.printed)


async def test_what_the_scheduler_may_not_see_is_said_when_it_starts(rig: Rig) -> None:
    rig.fake.broken.add("GET jobs")
    with pytest.raises(Answered, match="forbidden"):
        await rig.runtime.check()


async def test_a_job_whose_secret_cannot_be_made_is_not_left(rig: Rig) -> None:
    rig.fake.broken.add("POST secrets")
    with pytest.raises(Answered):
        await rig.runtime.start(rig.order("true"), rig.printed)
    assert rig.left() == []


async def test_output_through_a_connection_that_died_without_a_word_is_read_anew(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler.runtimes.kubernetes.work._DRAIN_SECONDS", 0.2)
    work, pod = await rig.running(rig.order("sleep"))
    await pod.print(b"before\n")
    await rig.until(lambda: rig.printed.out, "it is printed")
    pod.hangs = True
    pod.says(b"after\n")
    await pod.exit(0)
    assert await work.wait() == Exit(how=Ending.EXITED, code=0)
    assert rig.printed.out == "before\nafter\n"
