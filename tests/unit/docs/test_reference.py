"""The reference has a section for each operation, and says of a value what its schema says."""

from typing import Any

import pytest

from docs.generator import reference, routes, schemas
from docs.generator.pages import ROOT

_PAGE = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
_OPERATIONS = [
    (f"{method.upper()} {path}", operation)
    for path, item in routes.described()["paths"].items()
    for method, operation in item.items()
]


def _section(name: str) -> str:
    (section,) = [part for part in _PAGE.split("\n### ") if part.startswith(f"{name}\n")]
    return section


@pytest.mark.parametrize(("name", "operation"), _OPERATIONS, ids=lambda each: str(each)[:60])
def test_an_operation_has_a_section_that_tells_all_of_it(name: str, operation: dict[str, Any]) -> None:
    section = _section(name)
    assert operation["description"] in section
    for status, answer in operation["responses"].items():
        assert f"| {status} |" in section or f" {status} `" in section
        for content in answer.get("content", {}).values():
            assert all(f"`{code}`" in section for code in content.get("examples", ()))
    for parameter in operation.get("parameters", ()):
        assert f"| `{parameter['name']}` | {parameter['in']} |" in section
    assert ("The body, " in section) == ("requestBody" in operation)


def test_a_section_is_where_a_reader_of_markdown_puts_it() -> None:
    assert reference.anchor("POST", "/v1/jobs:cancel") == "post-v1jobscancel"
    assert reference.anchor("GET", "/v1/jobs/{job_id}/attempts") == "get-v1jobsjob_idattempts"
    assert reference.anchor("POST", "/v1/auth/magic-link") == "post-v1authmagic-link"


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 21}, "integer, 1 to 21"),
        ({"type": "number", "minimum": 0.01, "maximum": 10_000.0}, "number, 0.01 to 10000"),
        ({"type": "string", "minLength": 1}, "text, at least 1 characters"),
        ({"type": "string", "format": "date-time"}, "time"),
        ({"enum": ["a", "b"]}, "`a`, `b`"),
        ({"anyOf": [{"$ref": "#/components/schemas/Job"}, {"type": "null"}]}, "[Job](#job) or null"),
        ({"type": "array", "items": {"type": "string"}, "maxItems": 3}, "list of text, at most 3 items"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "object of text"),
        ({}, "any JSON"),
    ],
)
def test_a_schema_in_words(schema: dict[str, Any], words: str) -> None:
    assert schemas.value(schema) == words


def test_the_fields_of_an_object_inside_follow_it() -> None:
    inner = {"properties": {"b": {"type": "string", "description": "It is b."}}, "required": ["b"]}
    outer = {"properties": {"a": {"anyOf": [{"$ref": "#/x/Inner"}, {"type": "null"}], "default": None}}}
    assert list(schemas.fields(outer, {"Inner": inner})) == [
        ("`a`", "[Inner](#inner) or null", "`null`", ""),
        ("`a.b`", "text", "needed", "It is b."),
    ]
