"""Jobs by definition, and jobs that call a registered function: from what is asked to a whole job.

What a job says itself comes before what its definition says. Params are held against the schema of the
definition, and against that of the function that is called. From here on the job is one like any other; what
its definition becomes later does not concern it.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, Raw, UnsetType
from msgspec.structs import replace

from app.faults import code_of
from app.jobs.code_schemas import CreateContainer, CreateFunction
from app.jobs.laning import Lane, lane_of
from app.jobs.schemas import CreateAnyTarget, CreateJob, CreateTarget, RetryPolicy, SuccessRule
from core.definitions import schemas
from core.definitions.model import Definition, Name, parse_name
from core.errors import Fault

_targets: msgspec.json.Decoder[Any] = msgspec.json.Decoder(CreateAnyTarget)
_retries = msgspec.json.Decoder(RetryPolicy)
_successes = msgspec.json.Decoder(SuccessRule)
_labels = msgspec.json.Decoder(dict[str, str])

T = TypeVar("T")

Secrets = Callable[[Definition], dict[str, str]]
"""Opens what a definition keeps sealed."""


class Source(msgspec.Struct, frozen=True):
    """What a job keeps of its definition besides its request."""

    definition: str
    result_schema: Raw | UnsetType = UNSET


class Known(msgspec.Struct, frozen=True):
    """The definitions and functions that jobs name, as far as there are any."""

    definitions: dict[Name, Definition] = {}
    functions: dict[Name, Definition] = {}


class Whole(msgspec.Struct, frozen=True):
    """A job with all that its definition says."""

    job: CreateJob
    faults: tuple[Fault, ...] = ()
    source: Source | None = None
    lane: Lane | None = None
    """Where it has to wait, instead of in its queue."""

    def placed(self, fault: Fault) -> Fault:
        """A fault of the target where the user can find it: what a definition says is not in the body."""
        pointer = str(fault.pointer)
        if self.source is None or not pointer.startswith("/target"):
            return fault
        below = pointer.removeprefix("/target")
        own = below.startswith(("/env/", "/params"))
        return replace(fault, pointer=below if own else "/definition")


def definitions_named(asked: Iterable[CreateJob]) -> set[Name]:
    """Those that jobs are to be made by."""
    texts = {one.definition for one in asked if not isinstance(one.definition, UnsetType)}
    return {name for text in texts if (name := parse_name(text)) is not None}


def functions_named(asked: Iterable[CreateJob], found: Iterable[Definition]) -> set[Name]:
    """Those that are called, by jobs themselves or by their definitions."""
    targets = [one.target for one in asked] + [target(one) for one in found if not one.registered]
    return {name for one in targets if (name := function_name(one)) is not None}


def function_name(aim: CreateAnyTarget | UnsetType) -> Name | None:
    """Of the function that a target calls."""
    return parse_name(aim.function) if isinstance(aim, CreateFunction) else None


def target(definition: Definition) -> CreateAnyTarget:
    """What it has jobs do, secrets masked."""
    decoded: CreateAnyTarget = _targets.decode(definition.target)
    return decoded


def whole(asked: CreateJob, known: Known, secrets: Secrets) -> Whole:
    """The job with what its definition says, and everything wrong with that."""
    if not isinstance(asked.target, UnsetType):
        return _by_target(asked, asked.target, known)
    if isinstance(asked.definition, UnsetType):
        return Whole(asked)
    name = parse_name(asked.definition)
    definition = known.definitions.get(name) if name is not None else None
    if definition is None:
        fault = Fault("unknown_definition", "is not one of your definitions", pointer="/definition")
        return Whole(asked, (fault,))
    aim = _aim(asked, definition, secrets)
    function = _function(aim, known)
    lane = lane_of(definition, function)
    faults = [
        *_foreign(asked, aim),
        *_misfits((definition, function), params_of(aim), "/params"),
        *_elsewhere(asked, lane, definition.name),
    ]
    return Whole(_filled(asked, aim, definition), tuple(faults), _source(definition), lane)


def _by_target(asked: CreateJob, aim: CreateAnyTarget, known: Known) -> Whole:
    function = _function(aim, known)
    if function is None:
        return Whole(asked)
    lane = lane_of(None, function)
    faults = [
        *_misfits((function,), params_of(aim), "/target/params"),
        *_elsewhere(asked, lane, function.name),
    ]
    return Whole(asked, tuple(faults), lane=lane)


def _function(aim: CreateAnyTarget, known: Known) -> Definition | None:
    name = function_name(aim)
    return known.functions.get(name) if name is not None else None


def opened(aim: CreateAnyTarget, values: dict[str, str]) -> CreateAnyTarget:
    """A target with its secrets in their places."""
    if isinstance(aim, CreateTarget):
        return replace(aim, headers=aim.headers | values)
    return replace(aim, env=aim.env | values) if isinstance(aim, CreateContainer) else aim


def _aim(asked: CreateJob, definition: Definition, secrets: Secrets) -> CreateAnyTarget:
    aim = target(definition)
    if definition.sealed is not None:
        aim = opened(aim, secrets(definition))
    if not isinstance(asked.env, UnsetType) and isinstance(aim, CreateContainer):
        aim = replace(aim, env=aim.env | asked.env)
    if isinstance(asked.params, UnsetType):
        return aim
    if isinstance(aim, CreateTarget):
        return replace(aim, body=asked.params, body_text=None, body_base64=None)
    return replace(aim, params=asked.params)


def _filled(asked: CreateJob, aim: CreateAnyTarget, definition: Definition) -> CreateJob:
    timeout, retry = definition.timeout_seconds, definition.retry
    return replace(
        asked,
        target=aim,
        definition=UNSET,
        params=UNSET,
        env=UNSET,
        queue=_or(asked.queue, definition.queue),
        priority=_or(asked.priority, definition.priority),
        timeout_seconds=_or(asked.timeout_seconds, UNSET if timeout is None else timeout),
        retry=_or(asked.retry, UNSET if retry is None else _retries.decode(retry)),
        success=_or(asked.success, _successes.decode(definition.success)),
        labels=_labels.decode(definition.labels) | asked.labels,
    )


def _or(given: T | UnsetType, else_: T | UnsetType) -> T | UnsetType:
    return else_ if isinstance(given, UnsetType) else given


def _source(definition: Definition) -> Source:
    schema = definition.result_schema
    return Source(definition.name, UNSET if schema is None else Raw(schema.encode()))


def params_of(aim: CreateAnyTarget) -> Raw | UnsetType:
    """What a schema of params is held against."""
    return aim.body if isinstance(aim, CreateTarget) else aim.params


def _misfits(
    definitions: Iterable[Definition | None], params: Raw | UnsetType, where: str
) -> Iterator[Fault]:
    texts = dict.fromkeys(one.params_schema for one in definitions if one is not None)
    for text in texts:
        if text is not None:
            yield from misfits(text, params, where)


def misfits(schema: str, params: Raw | UnsetType, where: str) -> Iterator[Fault]:
    """What of params does not fit a schema."""
    flaws = schemas.read(schema).flaws(b"null" if isinstance(params, UnsetType) else bytes(params))
    if flaws and isinstance(params, UnsetType):
        yield Fault("missing", "is required by its schema", pointer=where)
        return
    for flaw in flaws:
        yield Fault(code_of(flaw.kind), flaw.message, pointer=f"{where}{flaw.pointer}")


def _foreign(asked: CreateJob, aim: CreateAnyTarget) -> Iterator[Fault]:
    if not isinstance(asked.env, UnsetType) and not isinstance(aim, CreateContainer):
        yield Fault("conflicting", "goes with a definition of a container only", pointer="/env")


def _elsewhere(asked: CreateJob, lane: Lane | None, name: str) -> Iterator[Fault]:
    if lane is not None and asked.queue not in (UNSET, "default"):
        message = f"cannot be chosen: {name} is limited, and its jobs have a queue of their own"
        yield Fault("conflicting", message, pointer="/queue")
