"""The document, and which routes answer without a credential."""

from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from app.application import describe


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(describe())
    return decoded


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(references, value.values()))
    return set[str]().union(*map(references, value)) if isinstance(value, list) else set()


def test_every_reference_resolves(document: dict[str, Any]) -> None:
    known = {
        f"#/components/{kind}/{name}"
        for kind in ("schemas", "examples")
        for name in document["components"][kind]
    }
    assert references(document) <= known


def test_every_component_is_a_valid_schema(document: dict[str, Any]) -> None:
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_operation_has_an_id_of_its_own_and_a_description(document: dict[str, Any]) -> None:
    found = operations(document).values()
    assert len({operation["operationId"] for operation in found}) == len(found)
    assert all(operation.get("description") for operation in found)


def test_no_operation_leaves_open_what_it_answers(document: dict[str, Any]) -> None:
    for name, operation in operations(document).items():
        statuses = operation["responses"].keys()
        assert all(status.isdecimal() for status in statuses), name
        assert {"400", "431", "500", "503"} <= statuses, name
        assert any(status.startswith("2") for status in statuses), name


def test_every_documented_failure_is_a_problem(document: dict[str, Any]) -> None:
    for operation in operations(document).values():
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                assert set(answer["content"]) == {"application/problem+json"}


def test_an_answer_without_a_body_has_no_content(document: dict[str, Any]) -> None:
    for name, operation in operations(document).items():
        for status, answer in operation["responses"].items():
            assert ("content" in answer) == (status != "204"), name


def test_a_route_of_merge_patches_says_so(document: dict[str, Any]) -> None:
    body = operations(document)["PATCH /v1/tenants/{tenant_id}"]["requestBody"]
    assert set(body["content"]) == {"application/json", "application/merge-patch+json"}


def test_bodies_refuse_unknown_fields_in_the_document_too(document: dict[str, Any]) -> None:
    for operation in operations(document).values():
        for reference in references(operation.get("requestBody", {})):
            schema = document["components"]["schemas"][reference.rsplit("/", 1)[1]]
            assert schema["additionalProperties"] is False


def test_only_these_documented_routes_are_public(document: dict[str, Any]) -> None:
    public = {name for name, operation in operations(document).items() if operation["security"] == []}
    assert public == {
        "GET /healthz",
        "GET /readyz",
        "POST /v1/auth/magic-link",
        "POST /v1/auth/verify",
        "POST /v1/auth/refresh",
    }
