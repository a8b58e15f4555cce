"""A Job's life on a cluster: made, followed, ended, and nothing of it left."""

import asyncio
import base64
import json

import pytest

from core.jobs.targets import Limits
from scheduler.runtimes import result
from scheduler.runtimes.kubernetes.objects import BEGIN, END
from scheduler.runtimes.runtime import Ending, Exit
from tests.integration.scheduler.runtimes.kubernetes.rig import IMAGE, Rig

SUCCEEDED = Exit(how=Ending.EXITED, code=0)


async def test_output_and_exit_code_come_out_and_nothing_is_left(rig: Rig) -> None:
    work, pod = await rig.running(rig.order("echo"))
    await pod.print(b"hi\n")
    await rig.until(lambda: rig.printed.out == "hi\n", "it is printed while it runs")
    pod.says(b"bye\n")
    await pod.exit(3)
    assert await work.wait() == Exit(how=Ending.EXITED, code=3)
    assert rig.printed.out == "hi\nbye\n"
    assert rig.left() == []


async def test_the_pod_has_its_secret_and_the_job_owns_it(rig: Rig) -> None:
    order = rig.order("echo", environment={"KEY": "s3cret"}, params=b'{"a":1}')
    work, pod = await rig.running(order)
    [secret] = rig.fake.objects["secrets"].values()
    [owner] = secret["metadata"]["ownerReferences"]
    [job] = rig.fake.objects["jobs"].values()
    assert (owner["kind"], owner["uid"]) == ("Job", job["metadata"]["uid"])
    values = {key: base64.b64decode(value) for key, value in secret["data"].items()}
    [variable] = [each for each in pod.spec["containers"][0]["env"] if each["name"] == "KEY"]
    reference = variable["valueFrom"]["secretKeyRef"]
    assert values[reference["key"]] == b"s3cret"
    assert reference["name"] == secret["metadata"]["name"]
    assert values["params.json"] == b'{"a":1}'
    assert "s3cret" not in json.dumps(job) + json.dumps(pod.object)
    await pod.exit(0)
    await work.wait()


async def test_a_result_is_where_every_runtimes_lies(rig: Rig) -> None:
    order = rig.order("echo")
    work, pod = await rig.running(order)
    pod.result = BEGIN + b"\n" + base64.encodebytes(b'{"score":61}') + END + b"\n"
    await pod.exit(1)
    assert await work.wait() == Exit(how=Ending.EXITED, code=1)
    assert result.read(order.folder) == b'{"score":61}'


async def test_a_result_that_was_broken_off_is_a_fault_that_is_seen(rig: Rig) -> None:
    order = rig.order("echo")
    work, pod = await rig.running(order)
    pod.result = BEGIN + b"\n" + base64.encodebytes(b'{"score":61}')
    await pod.exit(0)
    assert await work.wait() == SUCCEEDED
    assert isinstance(result.read(order.folder), result.Fault)


async def test_a_result_is_waited_for_until_the_collector_has_spoken(rig: Rig) -> None:
    order = rig.order("echo")
    work, pod = await rig.running(order)
    await pod.exit(0, phase="Running")
    pod.result = BEGIN + b"\n" + base64.encodebytes(b"7") + END + b"\n"
    await pod.exit(0)
    assert await work.wait() == SUCCEEDED
    assert result.read(order.folder) == b"7"


async def test_an_image_that_is_not_allowed_is_never_named_to_the_cluster(rig: Rig) -> None:
    end = await rig.carry_out(rig.order("true", image="elsewhere.test/tool:1"))
    assert end.how is Ending.IMAGE_ERROR
    assert rig.fake.requests == []


async def test_an_image_that_cannot_be_pulled_is_an_image_error(rig: Rig) -> None:
    work = await rig.begin(rig.order("true"))
    await rig.pod().waits("ErrImagePull", "no such host 10.0.0.1")
    end = await work.wait()
    assert end == Exit(how=Ending.IMAGE_ERROR, message=f"The image {IMAGE} could not be had (ErrImagePull).")


async def test_more_memory_than_its_limit_is_told_as_such(rig: Rig) -> None:
    work, pod = await rig.running(rig.order("true", limits=Limits(memory_mb=64)))
    await pod.exit(137, "OOMKilled")
    assert await work.wait() == Exit(how=Ending.OUT_OF_MEMORY, code=137)


async def test_a_stop_is_a_term_and_waits_until_all_is_gone(rig: Rig) -> None:
    work, pod = await rig.running(rig.order("sleep"))
    await pod.print(b"ready\n")
    await rig.until(lambda: rig.printed.out, "it is printed")
    await work.stop()
    assert rig.left() == []
    assert await work.wait() == Exit(how=Ending.STOPPED, code=143)
    assert rig.printed.out == "ready\n"


async def test_a_node_that_does_not_end_it_is_overruled(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler.runtimes.kubernetes.work._INSIST_SECONDS", 0.2)
    work, pod = await rig.running(rig.order("sleep", grace_seconds=0.1))
    pod.obeys = False
    await work.stop()
    assert rig.left() == []
    assert "DELETE pods" in rig.fake.requests


async def test_what_was_never_started_says_why_when_it_is_stopped(rig: Rig) -> None:
    work = await rig.begin(rig.order("sleep"))
    await rig.pod().condition("PodScheduled", "False", "Unschedulable", "0/3 nodes are available")
    await rig.until(lambda: rig.fake.watches, "pods are watched")
    await work.stop(timed_out=True)
    end = await work.wait()
    assert end.how is Ending.STOPPED
    assert "0/3 nodes are available" in end.message


async def test_to_stop_what_is_over_changes_nothing(rig: Rig) -> None:
    work, pod = await rig.running(rig.order("true"))
    await pod.exit(0)
    assert await work.wait() == SUCCEEDED
    await work.stop()
    assert await work.wait() == SUCCEEDED


async def test_whoever_stops_waiting_stops_nothing(rig: Rig) -> None:
    work, pod = await rig.running(rig.order("true"))
    waiting = asyncio.create_task(work.wait())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await pod.exit(6)
    assert await work.wait() == Exit(how=Ending.EXITED, code=6)


async def test_nothing_is_left_of_a_start_that_was_given_up(rig: Rig) -> None:
    rig.fake.stuck.add("POST secrets")
    starting = asyncio.create_task(rig.runtime.start(rig.order("sleep"), rig.printed))
    await rig.until(lambda: "POST secrets" in rig.fake.requests, "the Job is made")
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert rig.left() == []


async def test_a_pod_past_the_deadline_of_its_job_timed_out(rig: Rig) -> None:
    work, pod = await rig.running(rig.order("sleep"))
    await rig.fake.conclude(pod.owner, "Failed", "DeadlineExceeded")
    await pod.terminate()
    assert (await work.wait()).how is Ending.TIMED_OUT


async def test_a_job_that_others_remove_is_lost(rig: Rig) -> None:
    work, pod = await rig.running(rig.order("sleep"))
    await rig.fake.drop_job(pod.owner)
    await pod.gone()
    assert (await work.wait()).how is Ending.NODE_LOST


async def test_a_job_that_gets_no_pod_ends_when_its_job_does(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler.runtimes.kubernetes.work._LOOK_SECONDS", 0.05)
    rig.fake.makes_pods = False
    work = await rig.begin(rig.order("sleep"))
    [job] = rig.fake.objects["jobs"].values()
    await rig.fake.conclude(job["metadata"]["uid"], "Failed", "DeadlineExceeded")
    assert (await work.wait()).how is Ending.TIMED_OUT


async def test_a_job_that_the_cluster_does_not_take_was_not_started(rig: Rig) -> None:
    rig.fake.refusal = (422, "spec.template.spec.containers[0].env[0].name: Invalid value")
    end = await rig.carry_out(rig.order("true"))
    assert end.how is Ending.NOT_STARTED
    assert "Invalid value" in end.message


async def test_more_than_a_secret_holds_is_said_before_anything_is_made(rig: Rig) -> None:
    end = await rig.carry_out(rig.order("true", params=b'"' + b"x" * 1024 * 1024 + b'"'))
    assert end.how is Ending.NOT_STARTED
    assert rig.fake.requests == []


async def test_many_run_beside_each_other_and_share_one_watch(rig: Rig) -> None:
    works = [await rig.begin(rig.order("true")) for _ in range(30)]
    for pod in list(rig.fake.pods.values()):
        await pod.start()
        await pod.exit(0)
    assert {end.code for end in await asyncio.gather(*(work.wait() for work in works))} == {0}
    assert rig.fake.watches == 1
