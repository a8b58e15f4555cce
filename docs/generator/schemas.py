"""JSON Schemas in words: what a value may be, and the fields of an object as rows of a table."""

from collections.abc import Iterator
from typing import Any

import msgspec

Schema = dict[str, Any]

FIELD_HEADS = ("field", "value", "default", "meaning")

_FORMATS = {"date-time": "time", "uuid": "UUID", "email": "e-mail address"}
_BOUNDS = (
    ("minimum", "maximum", ""),
    ("minLength", "maxLength", " characters"),
    ("minItems", "maxItems", " items"),
    ("minProperties", "maxProperties", " entries"),
)


def name_of(schema: Schema) -> str | None:
    """The component that a schema refers to."""
    reference = schema.get("$ref")
    return str(reference).rpartition("/")[2] if reference else None


def value(schema: Schema) -> str:
    """What may stand there; components are linked."""
    if name := name_of(schema):
        return f"[{name}](#{name.lower()})"
    if alternatives := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(dict.fromkeys(value(each) for each in alternatives))
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    return ", ".join([_kind(schema), *_bounds(schema)])


def meaning(schema: Schema) -> str:
    """What is said about it, or about one of the things that it may be."""
    branches = (*schema.get("anyOf", ()), *schema.get("oneOf", ()))
    return str(schema.get("description") or next(filter(None, map(meaning, branches)), ""))


def fields(schema: Schema, components: dict[str, Schema], prefix: str = "") -> Iterator[tuple[str, ...]]:
    """A row a field; an object inside follows with its own, unless it is one of many."""
    needed = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        default = "needed" if name in needed else _default(field)
        yield f"`{prefix}{name}`", value(field), default, meaning(field)
        inner = components.get(next(iter(linked(field, into_lists=False)), ""), {})
        if prefix == "" and "properties" in inner:
            yield from fields(inner, components, f"{name}.")


def linked(schema: Schema, *, into_lists: bool = True) -> Iterator[str]:
    """The components that are mentioned in what `value` says."""
    if name := name_of(schema):
        yield name
    for each in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from linked(each, into_lists=into_lists)
    for key in ("items", "additionalProperties") if into_lists else ():
        if isinstance(inner := schema.get(key), dict):
            yield from linked(inner)


def _kind(schema: Schema) -> str:
    match schema:
        case {"format": "binary"}:
            return "bytes"
        case {"type": "array", "items": dict(items)}:
            return f"list of {value(items)}"
        case {"type": "object", "additionalProperties": dict(inner)}:
            return f"object of {value(inner)}"
        case {"type": "string", "format": str(written)}:
            return _FORMATS.get(written, written)
        case {"type": "string"}:
            return "text"
        case {"type": str(kind)}:
            return kind
        case _:
            return "any JSON"


def _bounds(schema: Schema) -> Iterator[str]:
    for least, most, unit in _BOUNDS:
        match schema.get(least), schema.get(most):
            case None, None:
                continue
            case low, None:
                yield f"at least {_plain(low)}{unit}"
            case None, high:
                yield f"at most {_plain(high)}{unit}"
            case low, high:
                yield f"{_plain(low)} to {_plain(high)}{unit}"


def _default(schema: Schema) -> str:
    return f"`{_plain(schema['default'])}`" if "default" in schema else "none"


def _plain(found: Any) -> str:
    whole = int(found) if isinstance(found, float) and found.is_integer() else found
    return msgspec.json.encode(whole).decode()
