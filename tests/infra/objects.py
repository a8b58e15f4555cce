"""Objects of Kubernetes, and whether its API would know them: its own OpenAPI document, read strictly."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema

from tests.infra.tools import TOOLS

Object = dict[str, Any]


@cache
def _description() -> Object:
    """The document, in which nothing is allowed that is not described; a server would drop that silently."""
    document: Object = json.loads((TOOLS / "swagger.json").read_text())
    for definition in document["definitions"].values():
        for described in _all(definition):
            if "properties" in described and "x-kubernetes-preserve-unknown-fields" not in described:
                described.setdefault("additionalProperties", False)
            if described.get("format") == "int-or-string":
                described["type"] = ["string", "integer"]
    return document


def _all(description: Object) -> Iterator[Object]:
    yield description
    for value in description.get("properties", {}).values():
        yield from _all(value)


@cache
def _kinds() -> dict[tuple[str, str], str]:
    return {
        ("/".join(filter(None, (kind["group"], kind["version"]))), kind["kind"]): name
        for name, definition in _description()["definitions"].items()
        for kind in definition.get("x-kubernetes-group-version-kind", [])
    }


def faults(found: Object) -> list[str]:
    """What an API server would not know or not take; nothing for kinds that it learns from an operator."""
    if found["apiVersion"].split("/")[0] == "monitoring.coreos.com":
        return []
    name = _kinds().get((found["apiVersion"], found["kind"]))
    if name is None:
        return [f"no such kind: {found['apiVersion']} {found['kind']}"]
    schema = {"$ref": f"#/definitions/{name}", "definitions": _description()["definitions"]}
    validator = jsonschema.Draft4Validator(schema)
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(found)]


def pod_templates(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    """The pods that these objects make, each with the name of what makes it."""
    for each in objects:
        template = each.get("spec", {}).get("template") if each["kind"] in _MAKERS else None
        if template is not None:
            yield each["metadata"]["name"], template


_MAKERS = ("Deployment", "StatefulSet", "DaemonSet", "Job")
