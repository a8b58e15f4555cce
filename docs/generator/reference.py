"""The reference of the API: one section an operation, and the objects that these speak of.

Written from the OpenAPI document before its members are sorted, so that fields stand in the order in which
the code declares them.
"""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import msgspec

from app import application, openapi
from docs.generator import schemas
from docs.generator.markdown import table
from docs.generator.schemas import FIELD_HEADS, Schema

METHODS = ("get", "post", "put", "patch", "delete")
_PAGE_WIDTH = 100
_OCTETS = "application/octet-stream"
_USUAL = {"400", "401", "403", "408", "413", "415", "429", "431", "500", "503"}


def anchor(method: str, path: str) -> str:
    """Where the section of an operation stands, as Markdown readers make it of the heading."""
    kept = "".join(sign for sign in path if sign.isalnum() or sign in "_-")
    return f"{method.lower()}-{kept}"


def sections() -> str:
    """The whole page below its introduction."""
    document = openapi.document(application.skeleton(openapi.config()))
    components: dict[str, Schema] = document["components"]["schemas"]
    by_tag: dict[str, list[str]] = {}
    mentioned: dict[str, None] = {}
    for path, method, operation in _operations(document):
        by_tag.setdefault(operation["tags"][0], []).append(_section(path, method, operation, components))
        mentioned |= dict.fromkeys(_mentioned(operation, components))
    routes = [
        f"## Routes: {tag}\n\n" + "\n".join(parts)
        for tag, parts in sorted(by_tag.items(), key=lambda each: each[0].lower())
    ]
    objects = [_object(name, components) for name in sorted(_reached(mentioned, components))]
    return "\n".join(["", *routes, "## Objects\n", *objects])


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in sorted(document["paths"].items()):
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def _section(path: str, method: str, operation: dict[str, Any], components: dict[str, Schema]) -> str:
    parts = [f"### {method.upper()} {path}\n", f"{_who(operation)} {operation['description']}\n"]
    if parameters := operation.get("parameters"):
        heads = ("parameter", "in", "value", "meaning")
        parts.append(table(heads, [_parameter(each) for each in parameters]))
    if _OCTETS in operation.get("requestBody", {"content": {}})["content"]:
        parts.append(f"The body, `{_OCTETS}`: the bytes as they are.\n")
    elif body := operation.get("requestBody"):
        content = body["content"]["application/json"]
        kinds = " or ".join(f"`{kind}`" for kind in sorted(body["content"]))
        parts.append(f"The body, {kinds}{'' if body['required'] else ', which may be left out'}:\n")
        parts.append(table(FIELD_HEADS, schemas.fields(_taken(content["schema"], components), components)))
        parts.append(_shown(f"{method.upper()} {path}", content["example"]))
    return "\n".join(parts + _answers(sorted(operation["responses"].items())))


def _answers(answers: list[tuple[str, dict[str, Any]]]) -> list[str]:
    own = [_answer(*each) for each in answers if each[0] not in _USUAL]
    usual = [f"{status} {_held(answer)}" for status, answer in answers if status in _USUAL]
    status, best = next(each for each in reversed(answers) if each[0].startswith("2"))
    heading = f"{status} {HTTPStatus(int(status)).phrase}"
    return [
        table(("status", "when", "holds"), own),
        f"And what any request may be answered: {'; '.join(usual)}.\n",
        *(_shown(heading, each["example"]) for each in best.get("content", {}).values() if "example" in each),
    ]


def _who(operation: dict[str, Any]) -> str:
    security = operation["security"]
    if not security:
        who = "Anybody"
    elif "operator" in security[0]:
        who = "The operator"
    elif "signature" in security[0]:
        who = "Whoever has the link"
    else:
        who = f"Scope `{security[0]['bearer'][0]}`"
    return f"{who}; `{operation['operationId']}`."


def _parameter(parameter: dict[str, Any]) -> tuple[str, ...]:
    schema = {key: inner for key, inner in parameter["schema"].items() if key != "description"}
    needed = "" if parameter.get("required") else "; may be left out"
    return (
        f"`{parameter['name']}`",
        parameter["in"],
        schemas.value(_without_null(schema)) + needed,
        str(parameter.get("description") or ""),
    )


def _without_null(schema: Schema) -> Schema:
    """A parameter that may be left out cannot be null besides."""
    branches = [each for each in schema.get("oneOf", ()) if each.get("type") != "null"]
    return (
        {key: inner for key, inner in schema.items() if key != "oneOf"} | branches[0] if branches else schema
    )


def _taken(schema: Schema, components: dict[str, Schema]) -> Schema:
    """The component of a body."""
    return components[next(schemas.linked(schema))]


def _answer(status: str, answer: dict[str, Any]) -> tuple[str, ...]:
    return status, answer["description"], _held(answer)


def _held(answer: dict[str, Any]) -> str:
    """The object, or the codes of a refusal."""
    for content in answer.get("content", {}).values():
        codes = content.get("examples")
        return ", ".join(f"`{code}`" for code in codes) if codes else schemas.value(content["schema"])
    return "nothing"


def _shown(heading: str, example: Any) -> str:
    return f"```http\n{heading}\n\n{_laid_out(example)}\n```\n"


def _laid_out(value: Any, indent: str = "") -> str:
    """JSON, on one line where that fits, as somebody would write it."""
    line = msgspec.json.format(msgspec.json.encode(value), indent=0).decode()
    if len(indent) + len(line) <= _PAGE_WIDTH or not isinstance(value, dict | list):
        return line
    deeper = f"{indent}  "
    if isinstance(value, list):
        inner = [f"{deeper}{_laid_out(each, deeper)}" for each in value]
        return "[\n" + ",\n".join(inner) + f"\n{indent}]"
    inner = [f'{deeper}"{name}": {_laid_out(each, deeper)}' for name, each in value.items()]
    return "{\n" + ",\n".join(inner) + f"\n{indent}}}"


def _mentioned(operation: dict[str, Any], components: dict[str, Schema]) -> Iterator[str]:
    for answer in operation["responses"].values():
        for content in answer.get("content", {}).values():
            yield from schemas.linked(content["schema"])
    for kind, content in operation.get("requestBody", {"content": {}})["content"].items():
        if kind == _OCTETS:
            continue
        for field in _taken(content["schema"], components).get("properties", {}).values():
            yield from schemas.linked(field)


def _reached(names: dict[str, None], components: dict[str, Schema]) -> set[str]:
    """With those that they are made of."""
    reached: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            fields = components[name].get("properties", {}).values()
            waiting += [inner for field in fields for inner in schemas.linked(field)]
    return reached


def _object(name: str, components: dict[str, Schema]) -> str:
    schema = components[name]
    said = f"### {name}\n\n{schema.get('description', '')}\n"
    if "properties" not in schema:
        return f"{said}\nOne of {schemas.value(schema)}.\n"
    heads = ("field", "value", "meaning")
    rows = [
        (f"`{field}`", schemas.value(inner), schemas.meaning(inner))
        for field, inner in schema["properties"].items()
    ]
    return f"{said}\n{table(heads, rows)}"
