"""Targets that are code, as they are submitted and shown: a command, or a registered function."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from core.jobs.targets import ContainerRuntime

_FUNCTION = r"^[a-z0-9][a-z0-9._-]{0,126}@[1-9][0-9]{0,8}$"

_Params = Annotated[Raw, Meta(description="Any JSON value.", examples=[{"any": "json"}])]

Definition = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=110,
        description="`key@version`, or a key for its newest version; instead of a target.",
        examples=["reports.render@2"],
    ),
]
Params = Annotated[
    Raw, Meta(description="What the definition's target gets: its params, or the body of its request.")
]
Env = Annotated[
    dict[str, str], Meta(max_length=256, description="Variables beside those of the definition's container.")
]


class CreateContainer(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="container"
):
    """A command to run: in a container, or as a process of a scheduler's host where that is allowed."""

    runtime: Annotated[
        ContainerRuntime, Meta(description="The job waits for a scheduler that offers it.")
    ] = ContainerRuntime.DOCKER
    image: Annotated[
        Annotated[str, Meta(max_length=512)] | None,
        Meta(description="Of a container.", examples=["registry.example/report:1.4"]),
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
    working_directory: Annotated[str, Meta(min_length=1, max_length=1024)] | None = None
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


class Container(CreateContainer, frozen=True, kw_only=True, tag_field="type", tag="container"):
    """A command to run, as it was submitted; secret variables read `***`. Lists leave the params out."""


class Function(CreateFunction, frozen=True, kw_only=True, tag_field="type", tag="function"):
    """A function to call, as it was submitted. Lists leave the params out."""
