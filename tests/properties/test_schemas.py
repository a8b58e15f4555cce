"""Schemas of users: whatever is given as one, an answer comes, soon, and it is that of another validator."""

import json
import time
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from core.definitions import schemas

_NAMES = st.sampled_from(["a", "b", "c"])
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "abc"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=8,
)
_WORDS = st.text(max_size=5) | st.sampled_from(
    ["$ref", "$id", "$defs", "$schema", "$anchor", "properties", "patternProperties", "pattern", "items",
     "allOf", "dependentSchemas", "if", "enum", "required", "type", "unevaluatedItems", "definitions"]
)  # fmt: skip
_KINDS = st.sampled_from(["object", "array", "string", "integer", "number", "boolean", "null"])


def _members(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    several = st.lists(inner, min_size=1, max_size=3)
    return st.fixed_dictionaries(
        {},
        optional={
            "type": _KINDS | st.lists(_KINDS, min_size=1, max_size=2, unique=True),
            "enum": st.lists(_VALUES, min_size=1, max_size=3),
            "minimum": st.integers(-2, 2),
            "maxLength": st.integers(0, 2),
            "minItems": st.integers(0, 2),
            "required": st.lists(_NAMES, max_size=2, unique=True),
            "properties": st.dictionaries(_NAMES, inner, max_size=3),
            "additionalProperties": st.booleans() | inner,
            "unevaluatedProperties": st.booleans(),
            "items": inner,
            "contains": inner,
            "allOf": several,
            "anyOf": several,
            "oneOf": several,
            "not": inner,
            "$ref": st.sampled_from(["#/$defs/a", "#/$defs/b"]),
        },
    )


_PARTS = st.recursive(st.just(dict[str, Any]()), _members, max_leaves=6)
_SCHEMAS = st.builds(
    lambda part, a, b: {**part, "$defs": {"a": a, "b": b}}, _members(_PARTS), _PARTS, _members(_PARTS)
)


@settings(deadline=None)
@given(_SCHEMAS, _VALUES)
def test_what_fits_a_schema_fits_it_by_another_validator_too(schema: dict[str, Any], value: Any) -> None:
    if schemas.check(schema):
        return
    flaws = schemas.read(json.dumps(schema)).flaws(json.dumps(value).encode())
    assert bool(flaws) is not Draft202012Validator(schema).is_valid(value)
    for flaw in flaws:
        assert flaw.message


@settings(deadline=None)
@given(st.recursive(_VALUES, lambda inner: st.lists(inner) | st.dictionaries(_WORDS, inner, max_size=4)))
def test_whatever_is_given_as_a_schema_there_is_an_answer_soon(document: Any) -> None:
    began = time.monotonic()
    assert isinstance(schemas.check(document), list)
    assert time.monotonic() - began < 2.0
