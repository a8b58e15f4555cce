"""The settings, from the struct that they are read into and from who reads them."""

from pathlib import Path
from typing import Any

from msgspec import NODEFAULT, inspect

from core.settings import Settings, variable
from docs.generator import readers
from docs.generator.markdown import table as rows_of

_READ = r"\b_?settings\.([a-z_]+)\b(?!\()"
_DERIVED = {"env": "development"}
"""A field that is read through a property of the struct."""


def table(root: Path) -> str:
    """One row a field, in their order."""
    read = readers.of(root, _READ)
    info = inspect.type_info(Settings)
    assert isinstance(info, inspect.StructType)
    heads = ("variable", "value", "default", "read by", "meaning")
    return rows_of(heads, [_row(field, read) for field in info.fields])


def _row(field: inspect.Field, read: dict[str, list[str]]) -> tuple[str, ...]:
    assert isinstance(field.type, inspect.Metadata)
    by = read.get(field.name) or read.get(_DERIVED.get(field.name, ""), [])
    return (
        f"`{variable(field.name)}`",
        _value(field.type.type),
        _default(field),
        ", ".join(by) or "–",
        _description(field.type),
    )


def _value(kind: inspect.Type) -> str:
    match kind:
        case inspect.UnionType(types=types):
            return " or ".join(_value(each) for each in types if not isinstance(each, inspect.NoneType))
        case inspect.LiteralType(values=values):
            return " or ".join(f"`{value}`" for value in values)
        case inspect.BoolType():
            return "`true` or `false`"
        case inspect.IntType(ge=low, le=high):
            return f"{low} to {high}"
        case inspect.FloatType(ge=None):
            return "a number above 0"
        case inspect.FloatType():
            return "a number from 0"
        case _:
            return "text"


def _default(field: inspect.Field) -> str:
    if field.default is NODEFAULT or field.default is None:
        return "none"
    if isinstance(field.default, float):
        return f"`{field.default:g}`"
    if isinstance(field.default, bool):
        return f"`{field.default}`".lower()
    return f"`{field.default}`" if field.default != "" else "empty"


def _description(kind: inspect.Metadata) -> str:
    """KeyError if a field has none: nobody could know what it is for."""
    schema: dict[str, Any] = kind.extra_json_schema or {}
    return str(schema["description"])
