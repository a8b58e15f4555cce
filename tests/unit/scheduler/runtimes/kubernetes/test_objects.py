"""What is made in a cluster: never more than was ordered, and no value of the environment in sight."""

import base64
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.batch_v1 import Job
from lightkube.resources.core_v1 import Secret

from core.jobs.targets import Limits
from scheduler.runtimes.kubernetes import objects
from scheduler.runtimes.kubernetes.objects import Mark
from scheduler.runtimes.runtime import Order

TOKEN = UUID("0192d3a0-0000-7000-8000-000000000001")
JOB = UUID("0192d3a0-0000-7000-8000-000000000002")
MARK = Mark(installation="i1", replica="r1", collector="registry.test/collector:1", ttl_seconds=600)


def order(*command: str, **given: Any) -> Order:
    filled = {"timeout_seconds": 60.0, "grace_seconds": 5.0} | given
    return Order(
        job_id=JOB, attempt=2, lease_token=TOKEN, tenant_id=JOB, command=command,
        folder=Path("/attempts/one"), **filled,
    )  # fmt: skip


def plain(made: Job | Secret) -> dict[str, Any]:
    """As it goes over the wire."""
    sent: dict[str, Any] = made.to_dict()  # type: ignore[no-untyped-call]
    return sent


def job(ordered: Order) -> dict[str, Any]:
    return plain(objects.job(ordered, image="registry.test/tool:1", mark=MARK))


def pod(ordered: Order) -> dict[str, Any]:
    spec: dict[str, Any] = job(ordered)["spec"]["template"]["spec"]
    return spec


def secret(ordered: Order) -> dict[str, bytes]:
    made = objects.job(ordered, image="x", mark=MARK)
    assert made.metadata is not None
    made.metadata.uid = "u1"
    data: dict[str, str] = plain(objects.secret(ordered, made))["data"]
    return {key: base64.b64decode(value) for key, value in data.items()}


def environment(ordered: Order) -> dict[str, bytes]:
    """As a node puts it together."""
    values = secret(ordered)
    env = pod(ordered)["containers"][0]["env"]
    return {each["name"]: values[each["valueFrom"]["secretKeyRef"]["key"]] for each in env}


def test_it_is_one_pod_that_is_tried_once_and_ends_by_itself() -> None:
    spec = job(order("true"))["spec"]
    assert (spec["backoffLimit"], spec["completions"], spec["parallelism"]) == (0, 1, 1)
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    assert spec["activeDeadlineSeconds"] == 60 + 5 + 30
    assert spec["ttlSecondsAfterFinished"] == 600


def test_every_container_keeps_the_restricted_standard() -> None:
    made = pod(order("true"))
    assert made["securityContext"] == {
        "runAsNonRoot": True, "runAsUser": 65534, "runAsGroup": 65534,
        "seccompProfile": {"type": "RuntimeDefault"},
    }  # fmt: skip
    for container in [*made["containers"], *made["initContainers"]]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "privileged": False,
            "readOnlyRootFilesystem": True, "runAsNonRoot": True,
        }  # fmt: skip
    assert not made["automountServiceAccountToken"]
    assert not made["enableServiceLinks"]
    assert {"hostNetwork", "hostPID", "hostIPC", "serviceAccountName"}.isdisjoint(made)


def test_all_that_may_be_written_is_bounded() -> None:
    made = pod(order("true"))
    empty = {volume["name"]: volume["emptyDir"] for volume in made["volumes"] if "emptyDir" in volume}
    assert empty == {"out": {"sizeLimit": "1024Mi"}, "tmp": {"medium": "Memory", "sizeLimit": "64Mi"}}
    writable = {
        mount["mountPath"] for mount in made["containers"][0]["volumeMounts"] if not mount.get("readOnly")
    }
    assert writable == {"/noonmark/out", "/tmp"}


@pytest.mark.parametrize(
    ("limits", "memory", "most", "asked"),
    [
        (Limits(), "512Mi", "1000m", "100m"),
        (Limits(memory_mb=64, cpus=0.25), "64Mi", "250m", "250m"),
        (Limits(cpus=0.0001), "512Mi", "1m", "1m"),
    ],
)
def test_there_is_always_a_limit(limits: Limits, memory: str, most: str, asked: str) -> None:
    resources = pod(order("true", limits=limits))["containers"][0]["resources"]
    assert resources["limits"] == {"memory": memory, "cpu": most}
    assert resources["requests"] == {"memory": memory, "cpu": asked}


def test_a_command_takes_the_place_of_entry_point_and_arguments_and_is_not_expanded() -> None:
    [container] = pod(order("echo", "$(NOONMARK_JOB_ID)", "$$", "$HOME", "a b"))["containers"]
    assert container["command"] == ["echo", "$$(NOONMARK_JOB_ID)", "$$$$", "$$HOME", "a b"]
    assert "args" not in container


def test_without_a_command_the_images_own_is_not_touched() -> None:
    assert {"command", "args", "workingDir"}.isdisjoint(pod(order())["containers"][0])


def test_the_environment_is_the_orders_and_ours_and_stands_in_the_secret_alone() -> None:
    ordered = order("true", environment={"A": "x$(B)", "NOONMARK_OUTPUT_DIR": "/etc"}, params=b'{"a":1}')
    assert environment(ordered) == {
        "A": b"x$(B)",
        "NOONMARK_JOB_ID": str(JOB).encode(),
        "NOONMARK_ATTEMPT": b"2",
        "NOONMARK_OUTPUT_DIR": b"/noonmark/out",
        "NOONMARK_PARAMS": b'{"a":1}',
    }
    assert "x$(B)" not in str(job(ordered))


def test_params_that_no_variable_holds_are_in_the_file_all_the_same() -> None:
    ordered = order("true", params=b'"' + b"x" * 200_000 + b'"')
    assert "NOONMARK_PARAMS" not in environment(ordered)
    assert secret(ordered)["params.json"] == ordered.params
    [mount] = [each for each in pod(ordered)["containers"][0]["volumeMounts"] if each.get("readOnly")]
    assert (mount["mountPath"], mount["subPath"]) == ("/noonmark/params.json", "params.json")


@pytest.mark.parametrize(("size", "fits"), [(1_000_000, True), (1024 * 1024, False)])
def test_what_a_secret_cannot_hold_is_known_beforehand(size: int, fits: bool) -> None:
    assert objects.too_large(order("true", params=b"x" * size)) is not fits


def test_labels_and_names_say_whose_it_is() -> None:
    made = job(order("true", network=True))
    assert made["metadata"]["name"] == f"noonmark-{JOB}"
    assert made["metadata"]["labels"] == {
        "app.kubernetes.io/managed-by": "noonmark",
        "noonmark/installation": "i1",
        "noonmark/job": str(JOB),
        "noonmark/attempt": "2",
        "noonmark/lease": str(TOKEN),
        "noonmark/replica": "r1",
    }
    labels = made["spec"]["template"]["metadata"]["labels"]
    assert labels == made["metadata"]["labels"] | {"noonmark/network": "allowed"}
    assert job(order("true"))["spec"]["template"]["metadata"]["labels"]["noonmark/network"] == "none"


def test_autoscalers_are_asked_to_let_it_end() -> None:
    annotations = job(order("true"))["spec"]["template"]["metadata"]["annotations"]
    assert annotations == {
        "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
        "karpenter.sh/do-not-disrupt": "true",
    }


def test_the_secret_goes_with_the_job_and_has_the_name_that_its_pod_looks_for() -> None:
    ordered = order("true")
    made = objects.job(ordered, image="x", mark=MARK)
    assert made.metadata is not None
    made.metadata.uid = "u1"
    later = order("true", environment={"A": "1"})
    given = plain(objects.secret(later, made))
    assert given["metadata"]["name"] == f"noonmark-{TOKEN}"
    assert given["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "batch/v1", "kind": "Job", "name": f"noonmark-{JOB}", "uid": "u1",
            "blockOwnerDeletion": True,
        }
    ]  # fmt: skip
    assert given["immutable"] is True


def test_a_job_that_no_cluster_has_made_owns_nothing() -> None:
    with pytest.raises(ValueError, match="not made"):
        objects.secret(order("true"), Job(metadata=ObjectMeta(name="x")))


def test_the_collector_runs_beside_it_from_before_its_start_until_after_its_end() -> None:
    [collector] = pod(order("true"))["initContainers"]
    assert (collector["restartPolicy"], collector["image"]) == ("Always", "registry.test/collector:1")
    assert [mount["mountPath"] for mount in collector["volumeMounts"]] == ["/noonmark/out"]
    assert "env" not in collector
