"""Targets that are code: what can be wrong with one, what is stored of it, and what is shown.

Params are the job's body. Values of secret variables are sealed as secret headers are, and never shown.
"""

import re
from collections.abc import Iterator, Mapping

import msgspec
from msgspec import UNSET, Raw, UnsetType

from app.faults import escaped
from app.jobs import content, masking
from app.jobs.code_schemas import Container, CreateContainer, CreateFunction, Function
from app.jobs.content import Content
from app.jobs.schemas import CreateTarget
from core.errors import Fault
from core.jobs.model import BodyKind
from core.jobs.targets import ContainerRuntime, ContainerTarget, FunctionTarget, Limits

MAX_COMMAND_BYTES = 32 * 1024
MAX_ENV_BYTES = 32 * 1024
_RESERVED = "NOONMARK_"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")

CreateCode = CreateContainer | CreateFunction


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
        where = f"/target/env/{escaped(name)}"
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


def body(asked: CreateTarget | CreateCode) -> Content | Fault:
    """What is to be stored as the job's body: of code its params."""
    if isinstance(asked, CreateTarget):
        return content.taken(asked)
    if isinstance(asked.params, UnsetType):
        return Content(BodyKind.NONE, b"")
    return Content(BodyKind.JSON, msgspec.json.format(bytes(asked.params), indent=-1))


def stored(asked: CreateCode) -> tuple[ContainerTarget | FunctionTarget, dict[str, str]]:
    """What is kept of it, and the values to be sealed."""
    if isinstance(asked, CreateFunction):
        return FunctionTarget(function=asked.function), {}
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
    return target, secret


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
