"""Whether what an attempt left as its result is what the job's definition says it will be."""

from msgspec import UnsetType

from core.definitions import schemas
from core.jobs.targets import ContainerTarget, FunctionTarget
from scheduler.runtimes import result

_MOST_FLAWS = 5
_LONGEST = 1_000


def fitting(
    target: ContainerTarget | FunctionTarget, found: bytes | result.Fault | None
) -> bytes | result.Fault | None:
    """A result that fits the schema of the job's definition, if that has one; no result fits as null does."""
    if isinstance(target.result_schema, UnsetType) or isinstance(found, result.Fault):
        return found
    flaws = schemas.read(bytes(target.result_schema).decode()).flaws(b"null" if found is None else found)
    if not flaws:
        return found
    told = "; ".join(f"{flaw.pointer or 'it'} {flaw.message}" for flaw in flaws[:_MOST_FLAWS])
    return result.Fault(result.FaultCode.UNFIT, f"The result does not fit its schema: {told}"[:_LONGEST])
