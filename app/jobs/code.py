"""Targets that are code: a command in a container or a process, or a registered function.

What is submitted, what can be wrong with it, what is stored, and what is shown. Params are the job's body.
Values of secret variables are sealed as secret headers are, and never shown.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from app.jobs import masking
from core.errors import Fault
from core.jobs.targets import ContainerRuntime, ContainerTarget, FunctionTarget, Limits

MAX_COMMAND_BYTES = 32 * 1024
MAX_ENV_BYTES = 32 * 1024
_RESERVED = "NOONMARK_"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_FUNCTION = r"^[a-z0-9][a-z0-9._-]{0,126}@[1-9][0-9]{0,8}$"

_Params = Annotated[Raw, Meta(description="Any JSON value.", examples=[{"any": "json"}])]


class CreateContainer(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="container"
):
    """A command to run: in a container, or as a process of a scheduler's host where that is allowed."""

    runtime: Annotated[
        ContainerRuntime, Meta(description="The job waits for a scheduler that offers it.")
    ] = ContainerRuntime.DOCKER
    image: Annotated[
        str | None, Meta(max_length=512, description="Of a container.", examples=["ghcr.io/acme/report:1.4"])
    ] = None
    command: Annotated[
        tuple[str, ...],
        Meta(max_length=1024, description="Program and arguments, executed as they are: there is no shell."),
    ] = ()
    env: Annotated[dict[str, str], Meta(max_length=256, description="Its environment.")] = {}
    secret_env: Annotated[
        tuple[str, ...],
        Meta(max_length=256, description="Names of variables to keep secret, besides those named like one."),
    ] = ()
    working_directory: Annotated[str | None, Meta(min_length=1, max_length=1024)] = None
    params: Annotated[_Params | UnsetType, Meta(description="Given as `NOONMARK_PARAMS` and in a file.")] = (
        UNSET
    )
    memory_mb: Annotated[int, Meta(ge=4, le=1_048_576)] | None = None
    cpus: Annotated[float, Meta(gt=0, le=1024)] | None = None
    pids: Annotated[int, Meta(ge=1, le=65_536)] | None = None
    network: Annotated[bool, Meta(description="Whether a container may reach the network.")] = False
    grace_seconds: Annotated[float, Meta(ge=0, le=15, description="From TERM to KILL.")] = 10.0
    permanent_exit_codes: Annotated[
        tuple[Annotated[int, Meta(ge=1, le=255)], ...],
        Meta(max_length=64, description="Exit codes after which another attempt would not help."),
    ] = ()


class CreateFunction(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="function"
):
    """A function that the operator has registered, called with params."""

    function: Annotated[
        str, Meta(pattern=_FUNCTION, description="`key@version`.", examples=["compute.math@1"])
    ]
    params: _Params | UnsetType = UNSET


CreateCode = CreateContainer | CreateFunction


class Container(CreateContainer, frozen=True, kw_only=True, tag_field="type", tag="container"):
    """A command to run, as it was submitted; secret variables read `***`. Lists leave the params out."""


class Function(CreateFunction, frozen=True, kw_only=True, tag_field="type", tag="function"):
    """A function to call, as it was submitted. Lists leave the params out."""


def faults(target: CreateCode) -> Iterator[Fault]:
    """Everything wrong with it that its schema cannot say."""
    if isinstance(target, CreateContainer):
        yield from _container(target)


def _container(target: CreateContainer) -> Iterator[Fault]:
    if target.runtime == ContainerRuntime.PROCESS:
        if target.image is not None:
            yield Fault("conflicting", "a process has no image", pointer="/target/image")
        if not target.command:
            yield Fault("missing", "a process needs a command", pointer="/target/command")
    elif not target.image:
        yield Fault("missing", "a container needs an image", pointer="/target/image")
    yield from _command(target.command)
    yield from _environment(target.env, target.secret_env)


def _command(command: tuple[str, ...]) -> Iterator[Fault]:
    if any("\0" in part for part in command):
        yield Fault("control_character", "must not hold NUL", pointer="/target/command")
    if command and not command[0]:
        yield Fault("wrong_length", "must name a program", pointer="/target/command/0")
    if sum(len(part.encode()) + 1 for part in command) > MAX_COMMAND_BYTES:
        message = f"must take at most {MAX_COMMAND_BYTES // 1024} KiB"
        yield Fault("wrong_length", message, pointer="/target/command")


def _environment(env: Mapping[str, str], secret: tuple[str, ...]) -> Iterator[Fault]:
    for name, value in env.items():
        where = f"/target/env/{name.replace('~', '~0').replace('/', '~1')}"
        if not _NAME.fullmatch(name) or name.startswith(_RESERVED):
            message = f"must be named by letters, digits and _, and not {_RESERVED}…"
            yield Fault("wrong_format", message, pointer=where)
        if "\0" in value:
            yield Fault("control_character", "must not hold NUL", pointer=where)
        if value == masking.MASK and masking.is_secret(name, secret):
            yield Fault("masked_value", "is the mask of a secret, not the secret", pointer=where)
    for index, name in enumerate(secret):
        if name not in env:
            yield Fault("unknown_variable", "names no variable", pointer=f"/target/secret_env/{index}")
    if sum(len(name) + len(value.encode()) + 2 for name, value in env.items()) > MAX_ENV_BYTES:
        message = f"must take at most {MAX_ENV_BYTES // 1024} KiB"
        yield Fault("wrong_length", message, pointer="/target/env")


class Stored(msgspec.Struct, frozen=True):
    """A target to store: its Struct, the body with its params, and the values to be sealed."""

    target: ContainerTarget | FunctionTarget
    body: bytes
    secret: dict[str, str]


def stored(asked: CreateCode) -> Stored:
    """What is kept of it."""
    given = b"" if isinstance(asked.params, UnsetType) else bytes(asked.params)
    params = msgspec.json.format(given, indent=-1) if given else given
    if isinstance(asked, CreateFunction):
        return Stored(FunctionTarget(function=asked.function), params, {})
    plain, secret = masking.divide(asked.env, asked.secret_env)
    target = ContainerTarget(
        runtime=asked.runtime,
        image=asked.image,
        command=asked.command,
        env=plain,
        secret_env=tuple(secret),
        working_directory=asked.working_directory,
        limits=Limits(memory_mb=asked.memory_mb, cpus=asked.cpus, pids=asked.pids),
        network=asked.network,
        grace_seconds=asked.grace_seconds,
        permanent_exit_codes=asked.permanent_exit_codes,
    )
    return Stored(target, params, secret)


def shown(target: ContainerTarget | FunctionTarget, body: bytes | None) -> Container | Function:
    """It as it was submitted, its secrets masked; without the params where those were not asked for."""
    params = Raw(body) if body else UNSET
    if isinstance(target, FunctionTarget):
        return Function(function=target.function, params=params)
    return Container(
        runtime=target.runtime,
        image=target.image,
        command=target.command,
        env=target.env | dict.fromkeys(target.secret_env, masking.MASK),
        secret_env=target.secret_env,
        working_directory=target.working_directory,
        params=params,
        memory_mb=target.limits.memory_mb,
        cpus=target.limits.cpus,
        pids=target.limits.pids,
        network=target.network,
        grace_seconds=target.grace_seconds,
        permanent_exit_codes=target.permanent_exit_codes,
    )
