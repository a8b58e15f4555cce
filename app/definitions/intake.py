"""Bodies of definitions: a target that says no type is a call, as it is in a job."""

from typing import Any

from app import body
from app.definitions.schemas import CreateDefinition, EditDefinition
from app.jobs import intake
from app.request import JsonRequest, MergePatchRequest
from core.errors import Invalid


class CreateDefinitionRequest(JsonRequest):
    """Decodes a new definition."""

    async def json(self) -> Any:
        """The decoded body; Invalid lists every fault."""
        self.require_json()
        return _decoded(await self.body(), CreateDefinition)


class EditDefinitionRequest(MergePatchRequest):
    """Decodes a change of one."""

    async def json(self) -> Any:
        """The decoded body; Invalid lists every fault."""
        self.require_json()
        return _decoded(await self.body(), EditDefinition)


def _decoded(raw: bytes, kind: Any) -> Any:
    try:
        return body.decode(raw, kind)
    except Invalid:
        return body.decode(intake.typed(raw), kind)
