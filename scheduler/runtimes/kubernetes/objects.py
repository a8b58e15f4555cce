"""What is made in a cluster for an attempt: a Job and a Secret. Pure, and the only place that says so.

A job's code is not trusted. Its pod keeps the restricted pod security standard: never root, no capabilities
and no way to gain any, the runtime's own system call filter, a read-only root, no token of the cluster. It
writes to a small /tmp (in memory) and to its output folder, each of a bounded size. There is at most one pod:
a Job does not try again, we do.

The command takes the place of the image's entry point and its arguments; without one the image decides.
Kubernetes would expand `$(NAME)` in it, so every `$` is doubled, which it reads as one. The processes of a
pod share one process space, so that TERM ends what does not handle it, here as under an init.

All of the environment, and the params, stand in the Secret, which belongs to the Job and goes with it:
whoever may read pods reads no value. A pod without its Secret does not start.

A Job's name is its job's: the cluster itself sees to it that there are no two of one job. Who holds a Job is
said by its labels (`holding`); those of its pod say who made it.
"""

import math
from base64 import b64encode

from lightkube.models.batch_v1 import JobSpec
from lightkube.models.core_v1 import (
    Capabilities,
    Container,
    EmptyDirVolumeSource,
    EnvVar,
    EnvVarSource,
    KeyToPath,
    PodSecurityContext,
    PodSpec,
    PodTemplateSpec,
    ResourceRequirements,
    SeccompProfile,
    SecretKeySelector,
    SecretVolumeSource,
    SecurityContext,
    Volume,
    VolumeMount,
)
from lightkube.models.meta_v1 import ObjectMeta, OwnerReference
from lightkube.resources.batch_v1 import Job
from lightkube.resources.core_v1 import Secret
from msgspec import Struct

from core.jobs.targets import Limits
from scheduler.runtimes import environment
from scheduler.runtimes.result import LARGEST
from scheduler.runtimes.runtime import Order

LABEL_INSTALLATION = "noonmark/installation"
LABEL_JOB = "noonmark/job"
LABEL_ATTEMPT = "noonmark/attempt"
LABEL_LEASE = "noonmark/lease"
LABEL_REPLICA = "noonmark/replica"
LABEL_NETWORK = "noonmark/network"
"""Of pods: `none` or `allowed`; network policies select it."""
ANNOTATION_LEFT = "noonmark/left"
"""Of Jobs: its holder let go of it while it ran; its end is whoever's takes it up."""

# What is moved to another node is run again: those who save nodes are asked to wait.
_STAYS = {
    "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
    "karpenter.sh/do-not-disrupt": "true",
}

CONTAINER = "job"
COLLECTOR = "collector"

OUTPUT = "/noonmark/out"
PARAMS = "/noonmark/params.json"

DEFAULT_LIMITS = Limits(memory_mb=512, cpus=1.0)

SECRET_BYTES = 1024 * 1024
"""What a Secret can hold."""

_NOBODY = 65534
_TMP_MB = 64
_SPARE_CPUS = 0.1
"""What is asked for where the order does not say; it may use more."""
_LEAST_GRACE = 2
"""Below, the collector would be killed before it can speak."""
_LATER_SECONDS = 30.0
"""How long after its time a pod is ended by the cluster, where no scheduler has done so."""

_PARAMS_KEY = "params.json"
_PARAMS_VARIABLE = "NOONMARK_PARAMS"

BEGIN = b"noonmark-result-begins"
END = b"noonmark-result-ends"

# Waits for TERM, which it gets once the job's container has ended, and prints what that left.
_COLLECT = f"""
tell() {{
  if [ -f {OUTPUT}/result.json ]; then
    echo {BEGIN.decode()}; head -c {LARGEST + 1} {OUTPUT}/result.json | base64; echo {END.decode()}
  fi
  exit 0
}}
trap tell TERM
while :; do sleep 3600 & wait $!; done
"""


class Mark(Struct, frozen=True, kw_only=True):
    """Who makes Jobs here, and what they all have."""

    installation: str
    replica: str
    collector: str
    """Image with `sh`, `head`, `base64` and `sleep`."""
    output_mb: int = 1024
    """What the output folder may hold."""
    ttl_seconds: int = 3600
    """After which the cluster removes an ended Job that nobody has."""


def job_name(order: Order) -> str:
    return f"noonmark-{order.job_id}"


def secret_name(order: Order) -> str:
    """Of one making: a Secret that is about to go with an earlier Job is not taken for this one's."""
    return f"noonmark-{order.lease_token}"


def held_by(order: Order, replica: str) -> dict[str, str]:
    """The labels that say who holds a Job."""
    return {
        LABEL_ATTEMPT: str(order.attempt),
        LABEL_LEASE: str(order.lease_token),
        LABEL_REPLICA: replica,
    }


def job(order: Order, *, image: str, mark: Mark, defaults: Limits = DEFAULT_LIMITS) -> Job:
    labels = {
        "app.kubernetes.io/managed-by": "noonmark",
        LABEL_INSTALLATION: mark.installation,
        LABEL_JOB: str(order.job_id),
        **held_by(order, mark.replica),
    }
    network = {LABEL_NETWORK: "allowed" if order.network else "none"}
    return Job(
        metadata=ObjectMeta(name=job_name(order), labels=labels),
        spec=JobSpec(
            backoffLimit=0,
            completions=1,
            parallelism=1,
            activeDeadlineSeconds=_deadline(order),
            ttlSecondsAfterFinished=mark.ttl_seconds,
            template=PodTemplateSpec(
                metadata=ObjectMeta(labels=labels | network, annotations=dict(_STAYS)),
                spec=_pod(order, image, mark, defaults),
            ),
        ),
    )


def secret(order: Order, owner: Job) -> Secret:
    """What its pod reads its environment and params from; gone when the Job is."""
    if owner.metadata is None or owner.metadata.name is None or owner.metadata.uid is None:
        raise ValueError("the Job was not made by a cluster")
    reference = OwnerReference(
        apiVersion="batch/v1", kind="Job", name=owner.metadata.name, uid=owner.metadata.uid,
        blockOwnerDeletion=True,
    )  # fmt: skip
    labels = owner.spec.template.metadata.labels if owner.spec and owner.spec.template.metadata else None
    return Secret(
        metadata=ObjectMeta(
            # A Job that was taken up has the name that its maker gave.
            name=f"noonmark-{(labels or {})[LABEL_LEASE]}", labels=dict(labels or {}),
            ownerReferences=[reference],
        ),
        immutable=True,
        data={name: b64encode(value).decode() for name, value in _contents(order).items()},
    )  # fmt: skip


def too_large(order: Order) -> bool:
    """Whether its environment and params do not fit into a Secret."""
    return sum(len(value) for value in _contents(order).values()) > SECRET_BYTES


def _deadline(order: Order) -> int:
    return math.ceil(order.timeout_seconds + order.grace_seconds + _LATER_SECONDS)


def _contents(order: Order) -> dict[str, bytes]:
    """Names in a Secret are narrower than those of variables: these are numbered."""
    values = {f"variable-{number}": value for number, (_, value) in enumerate(_variables(order))}
    return {name: value.encode() for name, value in values.items()} | {_PARAMS_KEY: order.params}


def _variables(order: Order) -> list[tuple[str, str]]:
    """All but the params, in an order that does not change."""
    given = environment.variables(order, OUTPUT)
    return sorted((name, value) for name, value in given.items() if name != _PARAMS_VARIABLE)


def _pod(order: Order, image: str, mark: Mark, defaults: Limits) -> PodSpec:
    return PodSpec(
        restartPolicy="Never",
        automountServiceAccountToken=False,
        enableServiceLinks=False,
        shareProcessNamespace=True,
        terminationGracePeriodSeconds=max(_LEAST_GRACE, math.ceil(order.grace_seconds)),
        securityContext=PodSecurityContext(
            runAsNonRoot=True,
            runAsUser=_NOBODY,
            runAsGroup=_NOBODY,
            seccompProfile=SeccompProfile(type="RuntimeDefault"),
        ),
        containers=[_container(order, image, defaults)],
        initContainers=[_collector(mark.collector)],
        volumes=[
            Volume(name="out", emptyDir=EmptyDirVolumeSource(sizeLimit=f"{mark.output_mb}Mi")),
            Volume(name="tmp", emptyDir=EmptyDirVolumeSource(medium="Memory", sizeLimit=f"{_TMP_MB}Mi")),
            Volume(
                name="params",
                secret=SecretVolumeSource(
                    secretName=secret_name(order), items=[KeyToPath(key=_PARAMS_KEY, path=_PARAMS_KEY)]
                ),
            ),
        ],
    )


def _container(order: Order, image: str, defaults: Limits) -> Container:
    return Container(
        name=CONTAINER,
        image=image,
        command=[word.replace("$", "$$") for word in order.command] or None,
        workingDir=order.working_directory,
        env=_env(order),
        resources=_resources(order.limits, defaults),
        securityContext=_kept_in(),
        volumeMounts=[
            VolumeMount(name="out", mountPath=OUTPUT),
            VolumeMount(name="tmp", mountPath="/tmp"),  # noqa: S108
            VolumeMount(name="params", mountPath=PARAMS, subPath=_PARAMS_KEY, readOnly=True),
        ],
    )


def _env(order: Order) -> list[EnvVar]:
    name = secret_name(order)
    keys = {variable: f"variable-{number}" for number, (variable, _) in enumerate(_variables(order))}
    if _PARAMS_VARIABLE in environment.variables(order, OUTPUT):
        keys[_PARAMS_VARIABLE] = _PARAMS_KEY
    return [
        EnvVar(
            name=variable,
            valueFrom=EnvVarSource(secretKeyRef=SecretKeySelector(key=key, name=name)),
        )
        for variable, key in keys.items()
    ]


def _collector(image: str) -> Container:
    """A sidecar: started before the job's container, and ended after it."""
    return Container(
        name=COLLECTOR,
        image=image,
        restartPolicy="Always",
        command=["sh", "-c", _COLLECT.replace("$", "$$")],
        resources=ResourceRequirements(
            requests={"cpu": "10m", "memory": "16Mi"}, limits={"cpu": "200m", "memory": "64Mi"}
        ),
        securityContext=_kept_in(),
        volumeMounts=[VolumeMount(name="out", mountPath=OUTPUT, readOnly=True)],
    )


def _kept_in() -> SecurityContext:
    return SecurityContext(
        allowPrivilegeEscalation=False,
        capabilities=Capabilities(drop=["ALL"]),
        privileged=False,
        readOnlyRootFilesystem=True,
        runAsNonRoot=True,
    )


def _resources(wanted: Limits, defaults: Limits) -> ResourceRequirements:
    memory = f"{wanted.memory_mb or defaults.memory_mb}Mi"
    most, asked = wanted.cpus or defaults.cpus or 1.0, wanted.cpus or _SPARE_CPUS
    return ResourceRequirements(
        limits={"memory": memory, "cpu": _cpu(most)}, requests={"memory": memory, "cpu": _cpu(asked)}
    )


def _cpu(cpus: float) -> str:
    return f"{max(1, round(cpus * 1000))}m"
