"""Bodies of new jobs and of edits that do not fit their schema: the other faults they have are told along.

The parts that do not fit are taken out, what is left is checked as a whole would be. A target of a type
that we do not know is one fault of its own, whatever else such a target holds.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from msgspec import Raw

from app import body
from app.jobs import checks, revising
from app.jobs.schemas import CreateHttpJob, CreateHttpJobs, CreateJob, CreateJobs, EditJob
from app.request import JsonRequest, MergePatchRequest
from core.errors import Fault, Invalid

T = TypeVar("T", CreateJob, EditJob)

MAX_FAULTS = 100
"""Of a batch; who has more will be told the others next time."""

_TYPE = "/target/type"
_ITEM = re.compile(r"/jobs/(?P<index>\d+)(?P<rest>/.*|)\Z", re.DOTALL)
_SOMEWHERE = "http://placeholder.invalid/"


class CreateJobRequest(JsonRequest):
    """Decodes a new job; Invalid lists what its schema and our rules have against it."""

    async def json(self) -> Any:
        """The decoded body."""
        self.require_json()
        raw = await self.body()
        try:
            return _job(raw)
        except Invalid as error:
            found = error.faults
        raise refusal(raw, found, now=datetime.now(UTC))


class CreateJobsRequest(JsonRequest):
    """Decodes a batch; Invalid lists what is wrong with each of its jobs."""

    async def json(self) -> Any:
        """The decoded body."""
        self.require_json()
        raw = await self.body()
        try:
            return _jobs(raw)
        except Invalid as error:
            found = error.faults
        raise refusal_of_many(raw, found, now=datetime.now(UTC))


class EditJobRequest(MergePatchRequest):
    """Decodes a patch of a job; Invalid lists what is wrong with it, whatever job it is for."""

    async def json(self) -> Any:
        """The decoded body."""
        try:
            asked = await super().json()
        except Invalid as error:
            found = error.faults
        else:
            if checks.is_empty(asked):
                raise Invalid([Fault("missing", "say what to change", pointer="")])
            return asked
        raise refusal_of_edit(await self.body(), found, now=datetime.now(UTC))


def _job(raw: bytes) -> CreateJob:
    """Most jobs have the one target that need not say its type, so that form is tried first."""
    try:
        http = body.decode(raw, CreateHttpJob)
    except Invalid as error:
        if not _has_type(error) and b'"definition"' not in raw:
            raise
        return body.decode(typed(raw), CreateJob)
    # The framework takes a handler's own type alone, not what is derived from it.
    return CreateJob(**{name: getattr(http, name) for name in CreateJob.__struct_fields__})


def _jobs(raw: bytes) -> CreateJobs:
    try:
        return CreateJobs(body.decode(raw, CreateHttpJobs).jobs)
    except Invalid as error:
        if not _has_type(error) and b'"definition"' not in raw:
            raise
    return body.decode(typed_many(raw), CreateJobs)


def _has_type(error: Invalid) -> bool:
    """Whether a target says a type, and not that one."""
    return any(str(fault.pointer).endswith(_TYPE) for fault in error.faults)


def typed(raw: bytes) -> bytes:
    """A new job whose target says its type. Nothing else of it is changed, not the spelling of a number."""
    try:
        job = msgspec.json.decode(raw, type=dict[str, Raw])
        target = msgspec.json.decode(job["target"], type=dict[str, Raw])
    except (msgspec.MsgspecError, KeyError):
        return raw
    return msgspec.json.encode(job | {"target": {"type": "http"} | target})


def typed_many(raw: bytes) -> bytes:
    """A batch of such jobs."""
    batch = msgspec.json.decode(raw, type=dict[str, Raw])
    jobs = [Raw(typed(bytes(job))) for job in msgspec.json.decode(batch["jobs"], type=list[Raw])]
    return msgspec.json.encode(batch | {"jobs": jobs})


def refusal_of_edit(raw: bytes, found: list[Fault], *, now: datetime) -> Invalid:
    """All that is wrong with a patch of which `found` does not fit the schema, without a look at the job."""
    rest = None if _is_stranger(found) else _fitting(raw, found, EditJob)
    more = revising.alone(checks.change(rest), now=now) if rest is not None else []
    return _told(found, more)


def refusal_of_many(raw: bytes, found: list[Fault], *, now: datetime) -> Invalid:
    """All that is wrong with a batch of which `found` does not fit the schema."""
    try:
        items = msgspec.json.decode(raw, type=dict[str, list[Raw]])["jobs"]
    except (msgspec.MsgspecError, KeyError):
        return Invalid(found)
    below: dict[int, list[Fault]] = {}
    for fault in found:
        place = _ITEM.match(str(fault.pointer))
        if place is None:
            return Invalid(found)
        inner = msgspec.structs.replace(fault, pointer=place["rest"])
        below.setdefault(int(place["index"]), []).append(inner)
    refusals = [
        (index, refusal(bytes(item), below.get(index, []), now=now)) for index, item in enumerate(items)
    ]
    return gathered([(index, error) for index, error in refusals if error.faults])


def gathered(refusals: Sequence[tuple[int, Invalid]]) -> Invalid:
    """One refusal of a batch, of those of its jobs; its code is theirs if they agree."""
    faults = [
        msgspec.structs.replace(fault, pointer=f"/jobs/{index}{fault.pointer}")
        for index, error in refusals
        for fault in error.faults
    ]
    codes = {error.code for _, error in refusals}
    return Invalid(faults[:MAX_FAULTS], code=codes.pop() if len(codes) == 1 else "validation_failed")


def refusal(raw: bytes, found: list[Fault], *, now: datetime) -> Invalid:
    """All that is wrong with a body of which `found` does not fit the schema."""
    rest = None if _is_stranger(found) else _fitting(raw, found, CreateJob)
    return _told(found, checks.faults(rest, now=now) if rest is not None else [])


def _is_stranger(found: list[Fault]) -> bool:
    """Whether the target is of a type that we do not know."""
    return any(fault.pointer == _TYPE for fault in found)


def _told(found: list[Fault], more: list[Fault]) -> Invalid:
    if _is_stranger(found):
        other = [fault for fault in found if not str(fault.pointer).startswith("/target")]
        stranger = Fault("unsupported_target", "must be http, container or function", pointer=_TYPE)
        return Invalid([stranger, *other], code="unsupported_target")
    return Invalid([*found, *(fault for fault in more if not _is_told(fault, found))])


def _is_told(fault: Fault, found: list[Fault]) -> bool:
    return any(str(fault.pointer).startswith(str(other.pointer)) for other in found)


def _fitting(raw: bytes, found: list[Fault], kind: type[T]) -> T | None:
    """The body without the parts that do not fit; None where too little is left."""
    try:
        value = msgspec.json.decode(raw, type=dict[str, Any])
        for fault in found:
            _take_out(value, str(fault.pointer).split("/")[1:])
        if kind is CreateJob and "definition" not in value:
            target = value.setdefault("target", {})
            if target.setdefault("type", "http") == "http":
                target.setdefault("url", _SOMEWHERE)
        return msgspec.json.decode(msgspec.json.encode(value), type=kind)
    except (msgspec.MsgspecError, AttributeError):
        return None


def _take_out(value: Any, path: list[str]) -> None:
    """Remove a member; of a list, the whole list."""
    names = [step.replace("~1", "/").replace("~0", "~") for step in path] or [""]
    while len(names) > 1 and isinstance(value.get(names[0]), dict):
        value = value[names.pop(0)]
    value.pop(names[0], None)
