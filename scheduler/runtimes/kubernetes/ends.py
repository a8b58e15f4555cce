"""What the status of a pod, or of its Job, says about how an attempt's code came to its end. Pure.

the container ended                     its exit code, a signal, out of memory
its image cannot be had                 image error, at the first try: our policy tries again, not the node's
the container cannot be made            not started
the node, its pressure, a preemption    node lost, whatever the container then ended with
it filled its folder                    output too large
past the Job's own deadline             timed out

Sentences name no node and no address; what the cluster says besides is logged, not told.
"""

from collections.abc import Iterable

from lightkube.models.core_v1 import ContainerStatus, PodCondition
from lightkube.resources.batch_v1 import Job
from lightkube.resources.core_v1 import Pod

from scheduler.runtimes.kubernetes.objects import COLLECTOR, CONTAINER
from scheduler.runtimes.runtime import Ending, Exit

_IMAGE = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
_NOT_MADE = frozenset(
    {"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PreCreateHookError"}
)
_NOT_STARTED = frozenset({"StartError", "ContainerCannotRun"})
_OVERGROWN = ("exceeds the limit", "exceeds the total limit", "exceeded its local ephemeral storage")
_NOT_YET = ("secret", "not found")
_UNKNOWN = "ContainerStatusUnknown"
_LONGEST = 300

# As a shell has it: 128 + n for signal n.
_SIGNALS = range(129, 160)

REMOVED = Exit(how=Ending.NODE_LOST, message="The Job or its pod was removed from the cluster.")
_LATE = Exit(how=Ending.TIMED_OUT, message="The cluster ended it: its time was over.")


def ended(pod: Pod) -> Exit | None:
    """The end of the code of a pod that nobody here has stopped; none while there is no telling yet."""
    if pod.status is None:
        return None
    main, code = container(pod, CONTAINER), exit_code(pod)
    if _disturbed(pod.status.conditions or []) and code != 0:
        if code is None and pod.status.phase != "Failed":
            return None
        return Exit(how=Ending.NODE_LOST, message="Its pod was moved away from its node.")
    if _is_removed(pod) and code != 0:
        # Whoever removes it has also ended it, and its Job knows why.
        return None
    if main is not None and main.state is not None and main.state.terminated is not None:
        return _terminated(pod, main)
    if pod.status.phase == "Failed":
        return _failed(pod)
    return _impossible(main, "The image") or _impossible(container(pod, COLLECTOR), "The collector's image")


def exit_code(pod: Pod) -> int | None:
    """What the job's container exited with, if it has."""
    main = container(pod, CONTAINER)
    if main is None or main.state is None or main.state.terminated is None:
        return None
    return main.state.terminated.exitCode


def by_itself(end: Exit) -> bool:
    """Whether this end is the code's own, and would be worth as much to a later attempt."""
    return end.how in {Ending.EXITED, Ending.SIGNALLED, Ending.OUT_OF_MEMORY}


def of_job(job: Job | None) -> Exit | None:
    """The end of a Job whose pod is not there, or not any more; none while it has none."""
    if job is None:
        return REMOVED
    conditions = (job.status.conditions if job.status else None) or []
    reached = {each.type: each.reason for each in conditions if each.status == "True"}
    if "Complete" in reached:
        return Exit(how=Ending.EXITED, code=0)
    failed = reached.get("Failed") or reached.get("FailureTarget")
    if failed is None:
        return None
    return _LATE if failed == "DeadlineExceeded" else REMOVED


def has_begun(pod: Pod) -> bool:
    """Whether there may be something that the job's container has printed."""
    main = container(pod, CONTAINER)
    if main is None or main.state is None:
        return False
    return main.state.running is not None or main.state.terminated is not None


def is_over(pod: Pod) -> bool:
    """Whether none of its containers runs any more, the collector's neither."""
    return pod.status is not None and pod.status.phase in {"Succeeded", "Failed"}


def why_waiting(pod: Pod | None) -> str:
    """A sentence about what has not been started, for one that was stopped; empty for one that was."""
    if pod is None or pod.status is None:
        return "The cluster made no pod for it in time; the events of its Job say why."
    if has_begun(pod):
        return ""
    for condition in pod.status.conditions or []:
        if condition.type == "PodScheduled" and condition.status == "False":
            return f"It was not started in time: {condition.message or 'no node has room for it'}"
    return "Its container was not started in time."


def container(pod: Pod, name: str) -> ContainerStatus | None:
    status = pod.status
    if status is None:
        return None
    every = [*(status.containerStatuses or []), *(status.initContainerStatuses or [])]
    return next((each for each in every if each.name == name), None)


def _terminated(pod: Pod, main: ContainerStatus) -> Exit:
    terminated = main.state.terminated if main.state else None
    if terminated is None:
        raise ValueError("the container has not ended")
    code = terminated.exitCode
    if terminated.reason == "OOMKilled":
        return Exit(how=Ending.OUT_OF_MEMORY, code=code)
    if terminated.reason in _NOT_STARTED:
        message = "The image has no such program or working directory, or may not execute it."
        return Exit(how=Ending.NOT_STARTED, message=message)
    if terminated.reason == _UNKNOWN or _reason(pod) is not None:
        return _failed(pod, code)
    return Exit(how=Ending.SIGNALLED if code in _SIGNALS else Ending.EXITED, code=code)


def _failed(pod: Pod, code: int | None = None) -> Exit:
    """A pod that failed as a whole: not, or not only, by its container's doing."""
    reason = _reason(pod)
    if reason == "DeadlineExceeded":
        return _LATE
    said = (pod.status.message if pod.status else None) or ""
    if reason == "Evicted" and any(words in said for words in _OVERGROWN):
        return Exit(how=Ending.OUTPUT_TOO_LARGE, code=code)
    if reason == "Evicted":
        return Exit(how=Ending.NODE_LOST, message="Its pod was evicted: the node had to make room.")
    return Exit(how=Ending.NODE_LOST, message=f"Its pod failed: {reason or 'the cluster does not say why'}.")


def _reason(pod: Pod) -> str | None:
    return (pod.status.reason or None) if pod.status else None


def _impossible(status: ContainerStatus | None, image: str) -> Exit | None:
    waiting = status.state.waiting if status and status.state else None
    if status is None or waiting is None:
        return None
    said = (waiting.message or "")[:_LONGEST]
    if waiting.reason in _IMAGE:
        message = f"{image} {status.image} could not be had ({waiting.reason})."
        return Exit(how=Ending.IMAGE_ERROR, message=message)
    # The Secret is made right after the Job.
    if waiting.reason not in _NOT_MADE or all(word in said for word in _NOT_YET):
        return None
    return Exit(how=Ending.NOT_STARTED, message=f"Its container could not be made ({waiting.reason}): {said}")


def _is_removed(pod: Pod) -> bool:
    return pod.metadata is not None and pod.metadata.deletionTimestamp is not None


def _disturbed(conditions: Iterable[PodCondition]) -> bool:
    return any(each.type == "DisruptionTarget" and each.status == "True" for each in conditions)
