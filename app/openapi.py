"""The OpenAPI document: generated from the routes, then completed with what holds for all of them.

Schemas of structs are msgspec's own, the same that a request's body is checked against, because Litestar's
rendering leaves out unknown-field and constraint rules.
"""

from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Litestar, Request, Response, Router, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.routes import HTTPRoute
from litestar.types import Empty

from app import refusals, structs
from app.errors import MEDIA_TYPE, Problem
from app.examples import answers, bodies
from app.examples.problems import PROBLEMS
from app.limits.model import HEADERS
from app.principal import FORM, PUBLIC, needed
from app.request import JsonRequest

PATH = "/v1/openapi.json"
_EVENTS = "text/event-stream"
_ANY = "*/*"
_OCTETS = "application/octet-stream"
_FORM = "multipart/form-data"
_BINARY = {"type": "string", "format": "binary"}
_STREAMED = "Events, one after the other."

_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An access token of a session, or an API token with the scope that is named.",
    },
    "signature": {
        "type": "apiKey",
        "in": "query",
        "name": "signature",
        "description": "Of a link that was made for one file.",
    },
    "operator": {"type": "http", "scheme": "bearer", "description": "NOONMARK_ADMIN_SECRET."},
}
_LIMITED = {
    name: {"description": said, "schema": {"type": "integer"}}
    for name, said in zip(
        (*HEADERS, "Retry-After"),
        ("Requests at once.", "How many of them are left.", "Seconds until all are.", "Seconds to wait."),
        strict=True,
    )
}
_CHALLENGE = {"description": "How to prove who is asking.", "schema": {"type": "string"}}
_WORDS = {
    400: "The request cannot be read.",
    401: "A valid credential is needed.",
    403: "The credential does not allow this.",
    404: "There is no such thing here.",
    408: "The body took too long to arrive.",
    409: "The state of the thing forbids this.",
    413: "The body is too large.",
    415: "The body is of another kind than is taken.",
    416: "The file has no such bytes.",
    422: "The request has faults; each is listed.",
    429: "The tenant has used up its requests.",
    431: "The request has too many or too large headers.",
    500: "Something went wrong on our side.",
    503: "This cannot be done right now; try again.",
}
_HEADERS = {
    401: {"WWW-Authenticate": _CHALLENGE},
    403: {"WWW-Authenticate": _CHALLENGE},
    429: _LIMITED,
    503: {"Retry-After": _LIMITED["Retry-After"]},
}


def config() -> OpenAPIConfig:
    """What Litestar's generator is told."""
    return OpenAPIConfig(
        title="Noonmark",
        version="1",
        description="Calls your URL at the moment you asked for, and can always show what happened.",
        use_handler_docstrings=True,
    )


def document(app: Litestar) -> dict[str, Any]:
    """The complete document of an application that was built with `config`."""
    schema: dict[str, Any] = app.openapi_schema.to_schema()
    kinds: set[Any] = {Problem}
    for path, method, handler in _operations(app):
        operation = schema["paths"].get(path, {}).get(method)
        if operation is not None:
            _complete(operation, handler, method)
            kinds |= structs.mentioned(handler)
    components = schema.setdefault("components", {})
    components.setdefault("schemas", {}).update(structs.schemas(kinds))
    components["securitySchemes"] = _SCHEMES
    components["examples"] = {code: {"value": _plain(problem)} for code, problem in PROBLEMS.items()}
    return schema


def _operations(app: Litestar) -> list[tuple[str, str, HTTPRouteHandler]]:
    routes = [route for route in app.routes if isinstance(route, HTTPRoute)]
    return [
        (route.path_format, method.lower(), handler)
        for route in routes
        for handler in route.route_handlers
        for method in handler.http_methods
    ]


def _complete(operation: dict[str, Any], handler: HTTPRouteHandler, method: str) -> None:
    operation["security"] = _security(handler, method)
    if handler.opt.get("bytes"):
        operation["requestBody"] = {"required": True, "content": {_OCTETS: {"schema": _BINARY}}}
    elif (form := handler.opt.get(FORM)) is not None:
        content = {"schema": form, "example": bodies.FORMS[operation["operationId"]]}
        operation["requestBody"] = {"required": True, "content": {_FORM: content}}
    elif (data := handler.parsed_data_field) is not None:
        operation["requestBody"] = _body(operation, handler, needed=data.default is Empty)
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            _show(answer, operation["operationId"], status)
    if _ANY in operation["responses"].get("200", {}).get("content", {}):
        operation["responses"]["206"] = operation["responses"]["200"] | {"description": "The range of bytes."}
    # Litestar's generator describes a refusal of its own, which ours never is.
    operation["responses"].pop("400", None)
    operation["responses"] |= _refusals(refusals.of(operation, handler))


def _body(operation: dict[str, Any], handler: HTTPRouteHandler, *, needed: bool) -> dict[str, Any]:
    """In every media type that the route reads, with an example."""
    body: dict[str, Any] = operation["requestBody"]
    [content] = body["content"].values()
    content["example"] = bodies.written(bodies.BODIES[operation["operationId"]])
    kinds = getattr(handler.resolve_request_class(), "media_types", JsonRequest.media_types)
    return body | {"required": needed, "content": dict.fromkeys(kinds, content)}


def _show(answer: dict[str, Any], operation: str, status: str) -> None:
    """An example of an answer that holds anything; 204 holds nothing, whatever Litestar's generator says."""
    is_said = answer["description"] != HTTPStatus(int(status)).description
    if status == "204":
        answer.pop("content", None)
        answer |= {} if is_said else {"description": "It is done."}
    for kind, content in answer.get("content", {}).items():
        if kind == _EVENTS:
            content |= {"schema": {"description": _STREAMED}, "example": answers.EVENTS}
            continue
        if kind == _ANY:
            content["schema"] = _BINARY
            continue
        shown = answers.of(operation, status, content["schema"]["$ref"].rpartition("/")[2])
        content["example"] = _plain(shown)
        answer |= {} if is_said else {"description": str(type(shown).__doc__)}


def _refusals(codes: set[str]) -> dict[str, Any]:
    """By status: a problem, with one example a code."""
    by_status: dict[int, list[str]] = {}
    for code in sorted(codes):
        by_status.setdefault(PROBLEMS[code].status, []).append(code)
    return {str(status): _refusal(status, by_status[status]) for status in sorted(by_status)}


def _refusal(status: int, codes: list[str]) -> dict[str, Any]:
    shown = {code: {"$ref": f"#/components/examples/{code}"} for code in codes}
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": shown}
    answer = {"description": _WORDS[status], "content": {MEDIA_TYPE: content}}
    return answer | ({"headers": _HEADERS[status]} if status in _HEADERS else {})


def _plain(shown: msgspec.Struct) -> Any:
    return msgspec.json.decode(msgspec.json.encode(shown))


def _security(handler: HTTPRouteHandler, method: str) -> list[dict[str, list[str]]]:
    """Nothing, the operator's secret, or a credential with one scope."""
    if handler.opt.get("public"):
        return []
    if handler.opt.get("signed"):
        return [{"signature": []}]
    if handler.opt.get("operator"):
        return [{"operator": []}]
    return [{"bearer": [needed(handler.opt, method)]}]


@get("/openapi.json", operation_id="getOpenAPI", opt=PUBLIC, include_in_schema=False, sync_to_thread=False)
def serve(request: Request[Any, Any, Any]) -> Response[bytes]:
    """This document."""
    return Response(content=request.app.state.openapi(), media_type="application/json")


def router() -> Router:
    """The document's route."""
    return Router("/v1", route_handlers=[serve])
