"""A Job's life on a real API server, with its Job controller and garbage collector."""

from pathlib import Path

import httpx
import pytest

from scheduler.runtimes import result
from scheduler.runtimes.kubernetes import objects
from scheduler.runtimes.kubernetes.cluster import Answered
from scheduler.runtimes.runtime import Ending, Exit
from tests.kubernetes.node import Node
from tests.kubernetes.plane import NAMESPACE, Plane
from tests.kubernetes.rig import Rig
from tests.waiting import wait_until


async def test_it_succeeds_with_output_result_and_environment_and_nothing_is_left(
    rig: Rig, node: Node
) -> None:
    order = rig.order("exit", "0")
    assert await rig.carry_out(order) == Exit(how=Ending.EXITED, code=0)
    assert rig.printed.out == "hello\n"
    assert result.read(order.folder) == b'{"score":61}'
    assert await rig.left() == []
    [name] = [each for each in node.seen if str(order.job_id) in each]
    assert node.environments[name] == {
        "KEY": "s3cret",
        "NOONMARK_JOB_ID": str(order.job_id),
        "NOONMARK_ATTEMPT": "1",
        "NOONMARK_OUTPUT_DIR": "/noonmark/out",
        "NOONMARK_PARAMS": '{"score":61}',
    }


@pytest.mark.parametrize(
    ("command", "how", "code"),
    [
        (("exit", "3"), Ending.EXITED, 3),
        (("exit", "139"), Ending.SIGNALLED, 139),
        (("oom",), Ending.OUT_OF_MEMORY, 137),
        (("pull",), Ending.IMAGE_ERROR, None),
        (("start",), Ending.NOT_STARTED, None),
    ],
)
async def test_every_end_has_its_name(
    rig: Rig, command: tuple[str, ...], how: Ending, code: int | None
) -> None:
    end = await rig.carry_out(rig.order(*command))
    assert (end.how, end.code) == (how, code)
    assert await rig.left() == []


async def test_a_failed_pod_is_not_made_again(rig: Rig, node: Node) -> None:
    before = len(node.seen)
    await rig.carry_out(rig.order("exit", "3"))
    assert len(node.seen) == before + 1


async def test_a_stop_waits_until_all_is_gone(rig: Rig) -> None:
    work = await rig.running(rig.order("hold"))
    await work.stop()
    assert await rig.left() == []
    assert await work.wait() == Exit(how=Ending.STOPPED, code=143)


async def test_what_ignores_term_has_its_grace(rig: Rig) -> None:
    work = await rig.running(rig.order("deaf", grace_seconds=2.0))
    await work.stop()
    assert await rig.left() == []
    assert await work.wait() == Exit(how=Ending.STOPPED, code=137)


async def test_a_node_that_says_nothing_is_overruled(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler.runtimes.kubernetes.work._INSIST_SECONDS", 2.0)
    work = await rig.running(rig.order("silent", grace_seconds=0.0))
    await work.stop()
    assert await rig.left() == []


async def test_what_no_node_has_room_for_says_so_when_it_is_stopped(rig: Rig) -> None:
    order = rig.order("wait")
    work = await rig.begin(order)

    async def told() -> bool:
        pod = await rig.node.pod(order.job_id)
        return bool(pod and pod["status"].get("conditions"))

    await wait_until(told, within=10, what="the pod's condition is told")
    await wait_until(lambda: work._pod and work._pod.status.conditions, within=10, what="it is known here")  # type: ignore[attr-defined]
    await work.stop(timed_out=True)
    assert "1 Insufficient memory" in (await work.wait()).message


async def test_the_cluster_ends_what_is_past_its_time_without_us(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "_LATER_SECONDS", 0.0)
    end = await rig.carry_out(rig.order("hold", timeout_seconds=1.0, grace_seconds=1.0))
    assert end.how is Ending.TIMED_OUT
    assert await rig.left() == []


async def test_an_evicted_pod_is_lost_and_not_replaced(rig: Rig, node: Node) -> None:
    order = rig.order("hold")
    work = await rig.running(order)
    before = len(node.seen)
    await node.evict(await rig.until_running(order))
    assert (await work.wait()).how is Ending.NODE_LOST
    assert len(node.seen) == before
    assert await rig.left() == []


async def test_a_job_that_ended_unwatched_goes_with_all_that_is_its_after_its_time(
    plane: Plane, node: Node, tmp_path: Path
) -> None:
    rig = Rig(plane, node, tmp_path, replica="brief", ttl_seconds=1)
    work = await rig.running(rig.order("hold"))
    await rig.abandon(work)
    node.end(node.seen[-1].removeprefix("noonmark-")[:36])
    await rig.until_nothing_is_left()
    await rig.runtime.close()


async def test_an_api_server_that_dies_and_comes_back_ends_nothing(
    rig: Rig, node: Node, plane: Plane
) -> None:
    order = rig.order("hold")
    work = await rig.running(order)
    name = await rig.until_running(order)
    plane.restart()
    node.prints(name, b"afterwards\n")
    node.end(order.job_id, 5)
    assert await work.wait() == Exit(how=Ending.EXITED, code=5)
    assert rig.printed.out == "hello\nafterwards\n"


async def test_a_version_that_was_compacted_away_is_listed_anew(rig: Rig) -> None:
    with pytest.raises(Answered) as raised:
        await anext(rig.cluster.watch({}, "1"))
    assert raised.value.code == 410


async def test_the_namespace_refuses_what_is_not_restricted(plane: Plane) -> None:
    """Else the other tests would prove nothing about what ours may do."""
    with plane.admin() as admin:
        spec = {"containers": [{"name": "x", "image": "x"}]}
        pod = {"metadata": {"name": "as-usual"}, "spec": spec}
        answer = admin.post(f"/api/v1/namespaces/{NAMESPACE}/pods", json=pod)
    assert answer.status_code == 403
    assert "PodSecurity" in answer.text


@pytest.mark.parametrize(
    "path",
    [
        f"/api/v1/namespaces/{NAMESPACE}/secrets",
        f"/api/v1/namespaces/{NAMESPACE}/configmaps",
        "/api/v1/namespaces/default/pods",
        "/apis/batch/v1/jobs",
    ],
)
async def test_the_account_sees_nothing_else(plane: Plane, path: str) -> None:
    headers = {"Authorization": f"Bearer {plane.token()}"}
    with plane.admin() as admin:
        answer: httpx.Response = admin.get(path, headers=headers)
    assert answer.status_code == 403
