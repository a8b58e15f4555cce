"""The structs that routes take and give, as JSON Schema components."""

from typing import Any, get_args

import msgspec
from litestar.handlers import HTTPRouteHandler

_REF = "#/components/schemas/{name}"


def mentioned(handler: HTTPRouteHandler) -> set[Any]:
    """Every struct in a handler's body and answer, inside unions, lists and responses too."""
    fields = [handler.parsed_data_field, handler.parsed_fn_signature.return_type]
    return {kind for field in fields if field is not None for kind in _structs(field.annotation)}


def schemas(kinds: set[Any]) -> dict[str, Any]:
    """The component of each struct, and of all that they are made of, by name."""
    ordered = sorted(kinds, key=lambda kind: str(kind.__name__))
    _, components = msgspec.json.schema_components(ordered, ref_template=_REF)
    if "CreateJob" in components:
        _default_type(components)
    return components


def _default_type(components: dict[str, Any]) -> None:
    """A new job's target that does not say its type is a request; to msgspec a tag is never left out."""
    components["CreateJob"]["properties"]["target"].pop("discriminator")
    components["CreateTarget"]["required"].remove("type")


def _structs(annotation: Any) -> set[Any]:
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return {annotation}
    return {kind for inner in get_args(annotation) for kind in _structs(inner)}
