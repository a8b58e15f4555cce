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
    return components


def _structs(annotation: Any) -> set[Any]:
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return {annotation}
    return {kind for inner in get_args(annotation) for kind in _structs(inner)}
