"""Examples are what their schemas say, every body and every answer has one, and every code is a real one."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator, FormatChecker

from app import refusals
from app.application import describe
from app.examples import bodies
from app.examples.problems import PROBLEMS
from app.request import JsonRequest
from docs.generator.pages import ROOT

DOCUMENT: dict[str, Any] = msgspec.json.decode(describe())
Contents = Iterator[tuple[str, dict[str, Any]]]


def _operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


OPERATIONS = dict(_operations())


def _answers(operation: dict[str, Any]) -> Contents:
    for status, answer in operation["responses"].items():
        for kind, content in answer.get("content", {}).items():
            yield f"{status} {kind}", content


def _bodies(operation: dict[str, Any]) -> Contents:
    yield from operation.get("requestBody", {"content": {}})["content"].items()


def _shown(content: dict[str, Any]) -> list[Any]:
    """The examples of a content, references followed."""
    if "example" in content:
        return [content["example"]]
    named = DOCUMENT["components"]["examples"]
    return [named[each["$ref"].rpartition("/")[2]]["value"] for each in content.get("examples", {}).values()]


def _validator(schema: dict[str, Any]) -> Draft202012Validator:
    whole = schema | {"components": DOCUMENT["components"]}
    return Draft202012Validator(whole, format_checker=FormatChecker())


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_is_said_in_json_is_shown_and_fits_its_schema(name: str) -> None:
    operation = OPERATIONS[name]
    for place, content in (*_answers(operation), *_bodies(operation)):
        if content["schema"].get("format") == "binary":
            continue
        assert _shown(content), place
        for example in _shown(content):
            _validator(content["schema"]).validate(example)


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_is_shown_has_no_field_that_is_not_documented(name: str) -> None:
    for place, content in _answers(OPERATIONS[name]):
        for example in _shown(content):
            assert list(_strangers(example, content["schema"])) == [], place


@pytest.mark.parametrize("operation", bodies.BODIES)
def test_a_body_that_is_shown_reads_as_what_it_was_written_from(operation: str) -> None:
    meant = bodies.BODIES[operation]
    raw = msgspec.json.encode(bodies.written(meant))
    assert msgspec.json.decode(raw, type=type(meant)) == meant


def test_every_body_that_is_given_belongs_to_an_operation() -> None:
    taking = {
        operation["operationId"]
        for operation in OPERATIONS.values()
        if any(kind.endswith("json") for kind, _ in _bodies(operation))
    }
    assert bodies.BODIES.keys() == taking


def test_a_problem_that_is_shown_is_one_of_the_status_where_it_stands() -> None:
    for name, operation in OPERATIONS.items():
        for status, answer in operation["responses"].items():
            for content in answer.get("content", {}).values():
                for problem in _shown(content) if int(status) >= 400 else ():
                    assert problem["status"] == int(status), name


def test_the_codes_that_are_shown_are_those_that_are_explained() -> None:
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    table = text.split("## Codes\n")[1].split("\n## ")[0]
    explained = {
        (int(status), code) for status, code in re.findall(r"^\| (\d+) \| `(\w+)`", table, re.MULTILINE)
    }
    # Of a path that is no operation, of a method that is none, of development.
    elsewhere = {(405, "method_not_allowed"), (403, "forbidden")}
    assert {(problem.status, code) for code, problem in PROBLEMS.items()} == explained - elsewhere


def test_the_operations_with_codes_of_their_own_exist() -> None:
    assert vars(refusals)["_OWN"].keys() <= {operation["operationId"] for operation in OPERATIONS.values()}


def test_json_alone_is_read_unless_a_route_says_otherwise() -> None:
    assert JsonRequest.media_types == ("application/json",)


def _strangers(value: Any, schema: dict[str, Any]) -> Iterator[str]:
    """Fields that the schema does not name, wherever they are."""
    for branch in _branches(schema):
        if isinstance(value, dict) and "properties" in branch and _is_meant(value, branch["properties"]):
            for name, inner in value.items():
                if name not in branch["properties"]:
                    yield name
                else:
                    yield from _strangers(inner, branch["properties"][name])
        if isinstance(value, list) and isinstance(branch.get("items"), dict):
            for inner in value:
                yield from _strangers(inner, branch["items"])


def _is_meant(value: dict[str, Any], properties: dict[str, Any]) -> bool:
    """Whether this is the branch of the value's own type, if it says one."""
    kinds = properties.get("type", {}).get("enum")
    return kinds is None or value.get("type", kinds[0]) in kinds


def _branches(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    yield schema
    for inner in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from _branches(inner)
