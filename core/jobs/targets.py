"""Targets that are code, as they are stored: what to run, and within which bounds.

Their params are the job's body, always JSON. Values of secret variables are sealed beside the job, as secret
headers are; only their names stand here.
"""

from enum import StrEnum

import msgspec


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

    runtime: ContainerRuntime
    image: str | None = None
    command: tuple[str, ...] = ()
    env: dict[str, str] = {}
    secret_env: tuple[str, ...] = ()
    working_directory: str | None = None
    limits: Limits = Limits()
    network: bool = False
    grace_seconds: float = 10.0
    permanent_exit_codes: tuple[int, ...] = ()


class FunctionTarget(msgspec.Struct, frozen=True, kw_only=True):
    """A registered Python function to call with the job's params."""

    function: str
    """`key@version`."""
