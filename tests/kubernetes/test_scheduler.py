"""Whole installations with a cluster: schedulers that crash, drain and cancel."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.fleet import Fleet
from tests.e2e.processes import Process
from tests.e2e.work import Work
from tests.kubernetes.node import Node
from tests.kubernetes.plane import NAMESPACE, Plane
from tests.kubernetes.rig import Rig
from tests.waiting import wait_until

RETRY = {"max_attempts": 3, "base_seconds": 0.1, "max_seconds": 0.2}


@pytest.fixture
def settings(plane: Plane, rig: Rig, tmp_path: Path) -> Mapping[str, str]:
    """The rig says in the end that nothing is left."""
    return {
        "NOONMARK_RUNTIMES": "kubernetes",
        "NOONMARK_KUBECONFIG": str(plane.kubeconfig(plane.token(), name="scheduler")),
        "NOONMARK_KUBERNETES_NAMESPACE": NAMESPACE,
        "NOONMARK_IMAGES": "registry.test/",
        "NOONMARK_DATA_DIR": str(tmp_path),
        "NOONMARK_DRAIN_SECONDS": "0.5",
    }


async def submit(work: Work, *command: str, **given: Any) -> str:
    target = {
        "type": "container", "runtime": "kubernetes", "image": "registry.test/tool:1",
        "command": list(command), "params": {"score": 61}, "env": {"API_TOKEN": "s3cret"},
    }  # fmt: skip
    answer = await work.api.post("/v1/jobs", json={"target": target, "retry": RETRY, **given})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def read(work: Work, job: str) -> dict[str, Any]:
    found: dict[str, Any] = (await work.api.get(f"/v1/jobs/{job}")).json()
    return found


async def until(work: Work, job: str, *states: str) -> dict[str, Any]:
    async def look() -> dict[str, Any]:
        found = await read(work, job)
        return found if found["state"] in states else {}

    return await wait_until(look, within=40, what=f"the job reads {states}")


async def until_its_container_runs(node: Node, job: str) -> None:
    async def look() -> bool:
        pod = await node.pod(job)
        return pod is not None and pod["status"]["phase"] == "Running"

    await wait_until(look, within=30, what="its container runs")


async def outcomes(work: Work, job: str) -> list[tuple[str, int | None]]:
    items = (await work.api.get(f"/v1/jobs/{job}/attempts")).json()["items"]
    return sorted((one["outcome"], one["exit_code"]) for one in items)


async def printed(work: Work, job: str) -> list[str]:
    items = (await work.api.get(f"/v1/jobs/{job}/logs")).json()["items"]
    return [line["text"] for line in items]


async def test_a_job_runs_and_its_result_and_output_are_kept(
    fleet: Fleet, work: Work, node: Node, settings: Mapping[str, str]
) -> None:
    async with fleet.scheduler(settings=settings):
        job = await submit(work, "exit", "0")
        over = await until(work, job, "succeeded", "failed")
    assert (over["state"], over["result"]) == ("succeeded", {"score": 61})
    assert await printed(work, job) == ["hello"]
    [environment] = [found for name, found in node.environments.items() if job in name]
    assert environment["API_TOKEN"] == "s3cret"
    assert environment["NOONMARK_MAX_ATTEMPTS"] == "3"


async def test_a_cancel_deletes_the_job_before_it_reads_cancelled(
    fleet: Fleet, work: Work, node: Node, settings: Mapping[str, str]
) -> None:
    async with fleet.scheduler(settings=settings):
        job = await submit(work, "hold")
        await until_its_container_runs(node, job)
        assert (await work.api.post(f"/v1/jobs/{job}/cancel")).status_code == 202
        await until(work, job, "cancelled")
        assert await node.pod(job) is None


async def test_a_killed_schedulers_pod_is_taken_up_and_not_run_again(
    fleet: Fleet, work: Work, node: Node, settings: Mapping[str, str]
) -> None:
    before = len(node.seen)
    async with fleet.reaper():
        async with fleet.scheduler(settings=settings) as first:
            job = await submit(work, "hold")
            await until_its_container_runs(node, job)
            first.kill()
        async with fleet.scheduler(settings=settings) as second:
            await until_taken_up(second)
            node.end(job, 0)
            over = await until(work, job, "succeeded", "failed")
    assert (over["state"], over["result"]) == ("succeeded", {"score": 61})
    assert await outcomes(work, job) == [("lost", None), ("succeeded", 0)]
    assert len(node.seen) == before + 1


async def test_a_scheduler_that_may_not_drain_any_longer_leaves_its_pods(
    fleet: Fleet, work: Work, node: Node, settings: Mapping[str, str]
) -> None:
    before = len(node.seen)
    async with fleet.scheduler(settings=settings):
        job = await submit(work, "hold")
        await until_its_container_runs(node, job)
    async with fleet.scheduler(settings=settings) as second:
        await until_taken_up(second)
        node.end(job, 0)
        assert (await until(work, job, "succeeded", "failed"))["state"] == "succeeded"
    assert await outcomes(work, job) == [("interrupted", None), ("succeeded", 0)]
    assert len(node.seen) == before + 1


async def test_what_goes_on_of_a_job_that_was_cancelled_meanwhile_is_swept(
    fleet: Fleet, work: Work, node: Node, settings: Mapping[str, str]
) -> None:
    async with fleet.scheduler(settings=settings):
        job = await submit(work, "hold")
        await until_its_container_runs(node, job)
    assert (await work.api.post(f"/v1/jobs/{job}/cancel")).status_code == 200
    async with fleet.scheduler(settings=settings):

        async def gone() -> bool:
            return await node.pod(job) is None

        await wait_until(gone, within=30, what="the sweep has removed it")
    assert (await read(work, job))["state"] == "cancelled"


async def until_taken_up(scheduler: Process) -> None:
    await wait_until(lambda: scheduler.said("job_taken_up"), within=40, what="the Job is taken up")
