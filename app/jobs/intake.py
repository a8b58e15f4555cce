"""A job's request body that does not fit its schema: the other faults it has are told along.

The parts that do not fit are taken out, what is left is checked as a whole job would be. A target of a type
that we do not know is one fault of its own, whatever else such a target holds.
"""

from datetime import UTC, datetime
from typing import Any

import msgspec

from app.jobs import checks
from app.jobs.schemas import CreateJob
from app.request import JsonRequest
from core.errors import Fault, Invalid

_TYPE = "/target/type"
_SOMEWHERE = "http://placeholder.invalid/"


class CreateJobRequest(JsonRequest):
    """Decodes a new job; Invalid lists what its schema and our rules have against it."""

    async def json(self) -> Any:
        """The decoded body."""
        try:
            return await super().json()
        except Invalid as error:
            found = error.faults
        raise refusal(await self.body(), found, now=datetime.now(UTC))


def refusal(raw: bytes, found: list[Fault], *, now: datetime) -> Invalid:
    """All that is wrong with a body of which `found` does not fit the schema."""
    if any(fault.pointer == _TYPE for fault in found):
        other = [fault for fault in found if not str(fault.pointer).startswith("/target")]
        return Invalid(
            [Fault("unsupported_target", "must be http", pointer=_TYPE), *other], code="unsupported_target"
        )
    rest = _fitting(raw, found)
    more = checks.faults(rest, now=now) if rest is not None else []
    return Invalid([*found, *(fault for fault in more if not _is_told(fault, found))])


def _is_told(fault: Fault, found: list[Fault]) -> bool:
    return any(str(fault.pointer).startswith(str(other.pointer)) for other in found)


def _fitting(raw: bytes, found: list[Fault]) -> CreateJob | None:
    """The job without the parts that do not fit; None where too little is left."""
    try:
        value = msgspec.json.decode(raw, type=dict[str, Any])
        for fault in found:
            _take_out(value, str(fault.pointer).split("/")[1:])
        target = value.setdefault("target", {})
        target.setdefault("url", _SOMEWHERE)
        return msgspec.json.decode(msgspec.json.encode(value), type=CreateJob)
    except (msgspec.MsgspecError, AttributeError):
        return None


def _take_out(value: Any, path: list[str]) -> None:
    """Remove a member; of a list, the whole list."""
    names = [step.replace("~1", "/").replace("~0", "~") for step in path] or [""]
    while len(names) > 1 and isinstance(value.get(names[0]), dict):
        value = value[names.pop(0)]
    value.pop(names[0], None)
