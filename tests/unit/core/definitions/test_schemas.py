"""Schemas of users: what may be one, what does not fit, and that neither can be made to take for ever."""

import json
import time
from typing import Any

import pytest

from core.definitions import schemas
from core.definitions.schemas import MAX_MATCHED, MAX_WEIGHT, Flaw
from scheduler.functions import basic, compute, process

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "pattern": "^[A-Z]"},
        "age": {"type": "integer", "minimum": 18},
    },
    "required": ["name"],
    "additionalProperties": False,
}


def flaws(schema: dict[str, Any], value: Any) -> list[tuple[str, str]]:
    assert schemas.check(schema) == []
    found = schemas.read(json.dumps(schema)).flaws(json.dumps(value).encode())
    return [(flaw.pointer, flaw.kind) for flaw in found]


def places(schema: Any) -> list[str]:
    return [flaw.pointer for flaw in schemas.check(schema)]


def doubling(levels: int) -> dict[str, Any]:
    """Each level is twice the one below, with no circle anywhere."""
    shelf: dict[str, Any] = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(levels)}
    return {"$ref": "#/$defs/a0", "$defs": shelf | {f"a{levels}": {}}}


def test_what_fits_has_no_flaws() -> None:
    assert flaws(PERSON, {"name": "Ada", "age": 36}) == []


def test_every_flaw_is_told_at_its_place() -> None:
    assert flaws(PERSON, {"age": 3, "a/b": 1}) == [
        ("/age", "minimum"), ("/a~1b", "additionalProperties"), ("/name", "required"),
    ]  # fmt: skip


def test_a_message_never_repeats_a_value() -> None:
    found = schemas.read(json.dumps(PERSON)).flaws(b'{"name": "canary", "age": "canary"}')
    assert len(found) == 2
    assert not any("canary" in flaw.message for flaw in found)


def test_of_alternatives_the_closest_one_tells_what_is_missing() -> None:
    either = {"oneOf": [{"required": ["a", "b"]}, {"required": ["c"]}]}
    assert flaws(either, {}) == [("/c", "required")]
    assert flaws({"anyOf": [{"type": "string"}, {"type": "null"}]}, 3) == [("", "anyOf")]
    assert flaws({"oneOf": [{}, {}]}, 3) == [("", "oneOf")]


@pytest.mark.parametrize(
    "schema", [compute.SCHEMA, basic.ECHO, basic.FAILING, process.DATA, process.BATCH, PERSON, {}]
)
def test_schemas_of_our_functions_may_be_schemas(schema: dict[str, Any]) -> None:
    assert schemas.check(schema) == []


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        (3, ""),
        (True, ""),
        ({"type": "strin"}, "/type"),
        ({"properties": {"a": {"minLength": -1}}}, "/properties/a/minLength"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "/$schema"),
        ({"$ref": "http://127.0.0.1:9/x"}, "/$ref"),
        ({"$ref": "other.json"}, "/$ref"),
        ({"$ref": "#"}, "/$ref"),
        ({"$ref": "#/$defs/nothing"}, "/$ref"),
        ({"$ref": "#name"}, "/$ref"),
        ({"$ref": "#/x/y", "x": {"y": {"properties": 3}}}, "/$ref"),
        ({"$ref": "#/enum/0", "enum": [{"$ref": "http://127.0.0.1:9/x"}]}, "/$ref"),
        ({"$ref": "#/properties", "properties": {"type": {}}}, "/$ref"),
        ({"items": {"$dynamicRef": "#x"}}, "/items/$dynamicRef"),
        ({"items": {"$id": "http://x/"}}, "/items/$id"),
        ({"pattern": "(?=a)"}, "/pattern"),
        ({"pattern": "(a)\\1"}, "/pattern"),
        ({"pattern": "(a{1000}){1000}"}, "/pattern"),
        ({"pattern": "a" * 513}, "/pattern"),
        ({"patternProperties": {"(?=a)": {}}}, "/patternProperties/(?=a)"),
        ({"description": "x" * 70_000}, ""),
    ],
)
def test_what_may_be_no_schema_is_told_at_its_place(schema: Any, place: str) -> None:
    assert places(schema) == [place]


def test_a_schema_that_refers_to_itself_is_refused() -> None:
    tree = {"$ref": "#/$defs/t", "$defs": {"t": {"properties": {"left": {"$ref": "#/$defs/t"}}}}}
    assert places(tree) == ["/$defs/t"]


@pytest.mark.parametrize("levels", [12, 60, 500])
def test_references_that_multiply_are_refused_without_writing_them_out(levels: int) -> None:
    began = time.monotonic()
    assert schemas.check(doubling(levels)) != []
    assert time.monotonic() - began < 1.0


def test_references_that_multiply_a_little_may_be() -> None:
    assert schemas.check(doubling(5)) == []


def test_what_is_looked_at_again_on_every_level_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(25):
        schema = {"allOf": [schema], "unevaluatedProperties": False}
    assert schemas.check(schema) != []


def test_a_schema_may_be_large_and_not_huge() -> None:
    assert schemas.check({"enum": list(range(MAX_WEIGHT // 2))}) == []
    assert schemas.check({"enum": list(range(MAX_WEIGHT))}) != []


def test_what_would_take_too_long_is_not_held_against_its_schema() -> None:
    alternatives = {"items": {"oneOf": [{"properties": {"a": {"const": n}}} for n in range(300)]}}
    assert flaws(alternatives, [{"a": n} for n in range(60_000)]) == [("", "too_large")]


def test_many_values_are_judged_without_a_list_of_what_is_wrong() -> None:
    alternatives = {"items": {"oneOf": [{"properties": {"a": {"const": n}}} for n in range(50)]}}
    began = time.monotonic()
    assert flaws(alternatives, [{"a": n} for n in range(20_000)]) == [("", "invalid")]
    assert time.monotonic() - began < 5.0


def test_text_that_a_pattern_would_take_long_for_is_not_held_against_it() -> None:
    assert flaws({"pattern": "[ab]*a[ab]{50}[cd]"}, "ab" * (MAX_MATCHED // 2)) == [("", "too_large")]
    assert flaws({"pattern": "[ab]*a[ab]{50}[cd]"}, "ab" * 2_000) == [("", "pattern")]


def test_places_are_told_as_json_pointers() -> None:
    assert Flaw(("a/b", "c~d", 0), "").pointer == "/a~1b/c~0d/0"
