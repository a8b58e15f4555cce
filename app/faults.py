"""Everything that is wrong with a JSON value, not only the first thing.

The value is checked against the JSON Schema that the OpenAPI document shows for the same type, so what is
documented and what is refused cannot differ. Messages never repeat the value: it may be a secret.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any
from uuid import UUID

import msgspec
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError

from core.errors import Fault

MAX_BYTES = 256 * 1024
"""Listing is slow; of a larger body only the first fault is told."""

_MAX_FAULTS = 100
_AT = re.compile(r" - at `(key in )?\$(?P<path>.*)`$")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_CODES = {
    "type": "wrong_type",
    "required": "missing",
    "additionalProperties": "unknown_field",
    "enum": "not_allowed",
    "anyOf": "wrong_type",
    "minimum": "out_of_range",
    "maximum": "out_of_range",
    "exclusiveMinimum": "out_of_range",
    "exclusiveMaximum": "out_of_range",
    "multipleOf": "out_of_range",
    "minLength": "wrong_length",
    "maxLength": "wrong_length",
    "minItems": "wrong_length",
    "maxItems": "wrong_length",
    "minProperties": "wrong_length",
    "maxProperties": "wrong_length",
    "pattern": "wrong_format",
    "format": "wrong_format",
    "too_large": "too_large",
}
_WORDS = {
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "exclusiveMinimum": "must be more than {}",
    "exclusiveMaximum": "must be less than {}",
    "multipleOf": "must be a multiple of {}",
    "minLength": "must have at least {} characters",
    "maxLength": "must have at most {} characters",
    "minItems": "must have at least {} items",
    "maxItems": "must have at most {} items",
    "minProperties": "must have at least {} entries",
    "maxProperties": "must have at most {} entries",
    "pattern": "must match {}",
    "format": "must be a valid {}",
}


def code_of(keyword: str) -> str:
    """The code of a fault that a keyword of JSON Schema tells."""
    return _CODES.get(keyword, "invalid")


_formats = FormatChecker(formats=())


@_formats.checks("date-time")
def _is_instant(value: object) -> bool:
    return not isinstance(value, str) or _fits(value, datetime)


@_formats.checks("uuid")
def _is_uuid(value: object) -> bool:
    return not isinstance(value, str) or _fits(value, UUID)


def listed(value: Any, kind: Any, first: msgspec.ValidationError, *, exhaustive: bool) -> list[Fault]:
    """All faults of `value` as a `kind`, of which msgspec found `first`."""
    found = _from_msgspec(str(first))
    if not exhaustive:
        return [found]
    errors = islice(_validator(kind).iter_errors(value), _MAX_FAULTS)
    seen = {(fault.pointer, fault.code): fault for error in errors for fault in _from_schema(error)}
    # msgspec does not name the key of a mapping.
    above = str(found.pointer).partition("/...")[0]
    if not any(str(pointer).startswith(above) for pointer, _ in seen):
        # A rule that no schema can say.
        seen[found.pointer, found.code] = found
    return list(seen.values())


def unstorable(value: Any) -> list[Fault]:
    """NUL characters and integers beyond 64 bits, wherever they are."""
    return list(islice(_unstorable(value, ""), _MAX_FAULTS))


def _unstorable(value: Any, pointer: str) -> Iterator[Fault]:
    match value:
        case str() if "\x00" in value:
            yield Fault(code="nul_character", message="must not contain NUL", pointer=pointer)
        case int() if not -(2**63) <= value < 2**63:
            yield Fault(code="out_of_range", message="must fit into 64 bits", pointer=pointer)
        case dict():
            for key, inner in value.items():
                below = f"{pointer}/{escaped(key)}"
                yield from _unstorable(key, below.replace("\x00", "\ufffd"))
                yield from _unstorable(inner, below.replace("\x00", "\ufffd"))
        case list():
            for index, inner in enumerate(value):
                yield from _unstorable(inner, f"{pointer}/{index}")


@lru_cache(maxsize=256)
def _validator(kind: Any) -> Draft202012Validator:
    schema = msgspec.json.schema(kind)
    _free_tags(schema)
    return Draft202012Validator(schema, format_checker=_formats)


def _free_tags(schema: dict[str, Any]) -> None:
    """A struct that says its type need not where nothing else may stand, though its schema has it needed."""
    choices = set(_choices(schema))
    for name, definition in schema.get("$defs", {}).items():
        kinds = definition.get("properties", {}).get("type", {}).get("enum", ())
        if name not in choices and len(kinds) == 1 and "type" in definition["required"]:
            definition["required"].remove("type")


def _choices(schema: Any) -> Iterator[str]:
    """The definitions among which something may be chosen."""
    if isinstance(schema, dict):
        yield from (
            choice["$ref"].rpartition("/")[2] for choice in schema.get("anyOf", ()) if "$ref" in choice
        )
    inner = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    for one in inner:
        yield from _choices(one)


def _fits(value: str, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def _from_schema(error: ValidationError) -> Iterator[Fault]:
    pointer = _pointer(error.absolute_path)
    rule: Any = error.validator_value
    instance: Any = error.instance
    schema: Any = error.schema
    match str(error.validator):
        case "anyOf" | "oneOf" if tags := _tags(error):
            where, names = tags
            yield Fault("not_allowed", f"must be one of {', '.join(names)}", pointer=pointer + where)
        case "anyOf" | "oneOf" if branch := _meant(error):
            for inner in branch:
                yield from _from_schema(inner)
        case "required":
            for name in rule:
                if name not in instance:
                    yield Fault("missing", "is required", pointer=f"{pointer}/{escaped(name)}")
        case "additionalProperties" if rule is False:
            for name in sorted(set(instance) - set(schema.get("properties", {}))):
                yield Fault("unknown_field", "is not a known field", pointer=f"{pointer}/{escaped(name)}")
        case keyword:
            yield Fault(_CODES.get(keyword, "invalid"), _message(keyword, rule, error), pointer=pointer)


def _tags(error: ValidationError) -> tuple[str, list[str]] | None:
    """Where the tag of a tagged union stands and what it may be, if it is none of these."""
    tags = [inner for inner in error.context or () if _is_tag(inner)]
    branches = {inner.relative_schema_path[0] for inner in tags}
    if len(branches) < len(_rule(error)):
        return None
    return _pointer(tags[0].relative_path), [str(_rule(inner)[0]) for inner in tags]


def _meant(error: ValidationError) -> list[ValidationError]:
    """The faults in that alternative which the caller most likely meant; none if it fits nothing at all."""
    branches: dict[int, list[ValidationError]] = {}
    for inner in error.context or ():
        branches.setdefault(int(inner.relative_schema_path[0]), []).append(inner)
    near = [branch for branch in branches.values() if not any(map(_is_elsewhere, branch))]
    return min(near, key=len, default=[])


def _is_elsewhere(error: ValidationError) -> bool:
    """Whether this says that another alternative was meant: another type, or another value of the tag."""
    if error.relative_path:
        return _is_tag(error)
    return error.validator == "type" or (error.validator == "enum" and not _is_among_kinds(error))


def _is_among_kinds(error: ValidationError) -> bool:
    """Whether the value is at least of the type of those it should be one of: 101 is no misspelt name."""
    return any(type(error.instance) is type(allowed) for allowed in _rule(error))


def _is_tag(error: ValidationError) -> bool:
    return error.validator == "enum" and len(_rule(error)) == 1 and len(error.relative_path) == 1


def _rule(error: ValidationError) -> list[Any]:
    rule: Any = error.validator_value
    return list(rule)


def _message(keyword: str, rule: Any, error: ValidationError) -> str:
    match keyword:
        case "type":
            return f"must be {rule if isinstance(rule, str) else ' or '.join(rule)}"
        case "enum":
            return f"must be one of {', '.join(map(str, rule))}"
        case "anyOf" | "oneOf":
            kinds = dict.fromkeys(_alternative(schema) for schema in rule)
            return f"must be one of: {', '.join(kinds)}"
        case _:
            return _WORDS.get(keyword, "does not fit").format(rule)


def _alternative(schema: dict[str, Any]) -> str:
    return str(schema.get("type") or str(schema.get("$ref", "object")).rsplit("/", 1)[-1])


def _pointer(path: Any) -> str:
    return "".join(f"/{escaped(str(step))}" for step in path)


def escaped(name: str) -> str:
    """A name as a step of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def _from_msgspec(text: str) -> Fault:
    """msgspec's sentence, ``… - at `$.a[0].b```, as a fault."""
    place = _AT.search(text)
    if place is None:
        return Fault(code="invalid", message=text, pointer="")
    steps = (name or index for name, index in _STEP.findall(place["path"]))
    return Fault(code="invalid", message=text[: place.start()], pointer=_pointer(steps))
