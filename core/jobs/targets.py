"""Targets that are code, as they are stored: what to run, and within which bounds.

Their params are the job's body, always JSON. Values of secret variables are sealed beside the job, as secret
headers are; only their names stand here.
"""

from enum import StrEnum
from uuid import UUID

import msgspec
from msgspec import UNSET, Raw, UnsetType

from core.jobs.model import Needs, TargetType


class ContainerRuntime(StrEnum):
    """What can run a command."""

    DOCKER = "docker"
    KUBERNETES = "kubernetes"
    PROCESS = "process"
    """Not a container at all: a process of the scheduler's own host."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What an attempt may use; none leaves it to the runtime's own default."""

    memory_mb: int | None = None
    cpus: float | None = None
    pids: int | None = None


class ContainerTarget(msgspec.Struct, frozen=True, kw_only=True):
    """A command to run in a container, or as a process of the scheduler's host."""

    runtime: ContainerRuntime = ContainerRuntime.DOCKER
    image: str | None = None
    command: tuple[str, ...] = ()
    env: dict[str, str] = {}
    secret_env: tuple[str, ...] = ()
    working_directory: str | None = None
    limits: Limits = Limits()
    network: bool = False
    grace_seconds: float = 10.0
    permanent_exit_codes: tuple[int, ...] = ()
    definition: str | UnsetType = UNSET
    """`key@version` of the one that the job was made by."""
    result_schema: Raw | UnsetType = UNSET
    """What its result is held against."""


class Input(msgspec.Struct, frozen=True, kw_only=True):
    """A file that came with a job."""

    job: UUID
    """Which it was sent for; a replay has the file of the job that it replays."""
    artifact: UUID
    """Under which it is kept, as that job's."""
    name: str
    """What its owner calls it; for show, never part of a path."""
    size: int
    """Bytes."""
    sha256: str
    """Hexadecimal."""


class FunctionTarget(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A registered Python function to call with the job's params."""

    function: str = ""
    """`key@version`; empty once its tenant was erased."""
    definition: str | UnsetType = UNSET
    result_schema: Raw | UnsetType = UNSET
    input: Input | None = None
    """A file that is there when the function starts, under the name ``input``."""
    output_mb: int | None = None
    """MiB that a file may have which it leaves; none is as the operator says for all jobs."""


_runtimes = msgspec.json.Decoder(ContainerTarget)


def needs(target_type: str, target: str) -> Needs:
    """What a replica must offer to carry out a stored target; ``target`` is its JSON."""
    if target_type == TargetType.CONTAINER:
        return Needs[_runtimes.decode(target).runtime.name]
    return Needs.FUNCTION if target_type == TargetType.FUNCTION else Needs.HTTP
