"""Every end of a pod that a cluster can tell, and what it is called here."""

from typing import Any

import pytest
from lightkube.resources.batch_v1 import Job
from lightkube.resources.core_v1 import Pod

from scheduler.runtimes.kubernetes import ends
from scheduler.runtimes.runtime import Ending


def pod(status: dict[str, Any], *, removed: bool = False) -> Pod:
    stamp = {"deletionTimestamp": "2026-01-01T00:00:00Z"} if removed else {}
    made: Pod = Pod.from_dict(  # type: ignore[no-untyped-call]
        {"metadata": {"name": "p", **stamp}, "status": status}
    )
    return made


def terminated(code: int, reason: str = "Error", **status: Any) -> dict[str, Any]:
    return {"phase": "Failed" if code else "Succeeded", "containerStatuses": [_state(
        {"terminated": {"exitCode": code, "reason": reason}}
    )], **status}  # fmt: skip


def waiting(reason: str, message: str = "", *, container: str = "job") -> dict[str, Any]:
    kind = "containerStatuses" if container == "job" else "initContainerStatuses"
    said = {"waiting": {"reason": reason, "message": message}}
    return {"phase": "Pending", kind: [_state(said, container)]}


def _state(state: dict[str, Any], name: str = "job") -> dict[str, Any]:
    return {"name": name, "state": state, "image": "i:1", "imageID": "", "ready": False, "restartCount": 0}


def disturbed(reason: str) -> list[dict[str, str]]:
    return [{"type": "DisruptionTarget", "status": "True", "reason": reason}]


OVERGROWN = 'Usage of EmptyDir volume "out" exceeds the limit "1Gi". '


@pytest.mark.parametrize(
    ("status", "how", "code"),
    [
        (terminated(0, "Completed"), Ending.EXITED, 0),
        (terminated(3), Ending.EXITED, 3),
        (terminated(255), Ending.EXITED, 255),
        (terminated(139), Ending.SIGNALLED, 139),
        (terminated(137, "OOMKilled"), Ending.OUT_OF_MEMORY, 137),
        (terminated(128, "StartError"), Ending.NOT_STARTED, None),
        (terminated(128, "ContainerCannotRun"), Ending.NOT_STARTED, None),
        (terminated(137, "ContainerStatusUnknown"), Ending.NODE_LOST, None),
        (terminated(137, conditions=disturbed("DeletionByTaintManager")), Ending.NODE_LOST, None),
        (terminated(143, conditions=disturbed("PreemptionByScheduler")), Ending.NODE_LOST, None),
        (terminated(0, conditions=disturbed("EvictionByEvictionAPI")), Ending.EXITED, 0),
        (terminated(143, reason="Error", **{"message": "Pod was terminated", "x": 1}), Ending.SIGNALLED, 143),
        ({"phase": "Failed", "reason": "NodeLost"}, Ending.NODE_LOST, None),
        ({"phase": "Failed", "reason": "UnexpectedAdmissionError"}, Ending.NODE_LOST, None),
        ({"phase": "Failed", "reason": "Evicted", "message": "low on memory"}, Ending.NODE_LOST, None),
        ({"phase": "Failed", "reason": "Evicted", "message": OVERGROWN}, Ending.OUTPUT_TOO_LARGE, None),
        ({"phase": "Failed", "reason": "DeadlineExceeded"}, Ending.TIMED_OUT, None),
        ({"phase": "Failed"}, Ending.NODE_LOST, None),
        (waiting("ErrImagePull"), Ending.IMAGE_ERROR, None),
        (waiting("ImagePullBackOff"), Ending.IMAGE_ERROR, None),
        (waiting("InvalidImageName"), Ending.IMAGE_ERROR, None),
        (waiting("ErrImageNeverPull"), Ending.IMAGE_ERROR, None),
        (waiting("ErrImagePull", container="collector"), Ending.IMAGE_ERROR, None),
        (waiting("CreateContainerError", "no command specified"), Ending.NOT_STARTED, None),
        (waiting("RunContainerError"), Ending.NOT_STARTED, None),
    ],
)
def test_an_end_has_its_name(status: dict[str, Any], how: Ending, code: int | None) -> None:
    end = ends.ended(pod(status))
    assert end is not None
    assert (end.how, end.code) == (how, code)


@pytest.mark.parametrize(
    "status",
    [
        {},
        {"phase": "Pending"},
        waiting("ContainerCreating"),
        waiting("PodInitializing"),
        waiting("CreateContainerConfigError", 'secret "noonmark-1" not found'),
        {"phase": "Running", "containerStatuses": [_state({"running": {}})]},
        {"phase": "Running", "containerStatuses": [_state({"running": {}})], "conditions": disturbed("x")},
    ],
)
def test_what_goes_on_has_no_end(status: dict[str, Any]) -> None:
    assert ends.ended(pod(status)) is None


def test_a_failed_pod_as_a_whole_says_more_than_its_container() -> None:
    end = ends.ended(pod(terminated(137, reason="Error") | {"reason": "Evicted", "message": "low"}))
    assert end is not None and end.how is Ending.NODE_LOST


def test_a_pod_that_somebody_removes_leaves_the_word_to_its_job() -> None:
    assert ends.ended(pod(terminated(143), removed=True)) is None
    end = ends.ended(pod(terminated(0), removed=True))
    assert end is not None and end.code == 0


def test_a_sentence_names_no_node() -> None:
    status = {"phase": "Failed", "reason": "Evicted", "message": "node-17.internal was low on memory"}
    end = ends.ended(pod(status))
    assert end is not None and "node-17" not in end.message


@pytest.mark.parametrize(
    ("conditions", "how"),
    [
        ([], None),
        ([("Suspended", "True", "")], None),
        ([("Failed", "False", "")], None),
        ([("Complete", "True", "")], Ending.EXITED),
        ([("Failed", "True", "BackoffLimitExceeded")], Ending.NODE_LOST),
        ([("Failed", "True", "DeadlineExceeded")], Ending.TIMED_OUT),
        ([("FailureTarget", "True", "DeadlineExceeded")], Ending.TIMED_OUT),
    ],
)
def test_a_job_without_its_pod_has_an_end_too(
    conditions: list[tuple[str, str, str]], how: Ending | None
) -> None:
    said = [dict(zip(("type", "status", "reason"), each, strict=True)) for each in conditions]
    job = Job.from_dict(  # type: ignore[no-untyped-call]
        {"metadata": {"name": "j"}, "status": {"conditions": said}}
    )
    end = ends.of_job(job)
    assert (end.how if end else None) is how


def test_a_job_that_is_not_there_is_lost() -> None:
    assert ends.of_job(None) is ends.REMOVED


def test_why_something_was_never_started_is_told() -> None:
    unschedulable = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}
    assert "0/3 nodes" in ends.why_waiting(pod({"phase": "Pending", "conditions": [unschedulable]}))
    assert ends.why_waiting(pod({"phase": "Pending"})) == "Its container was not started in time."
    assert "no pod" in ends.why_waiting(None)
    assert ends.why_waiting(pod(terminated(143))) == ""
