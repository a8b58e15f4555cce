"""The OpenAPI document: generated from the routes, then completed with what holds for all of them.

Schemas of structs are msgspec's own, the same that a request's body is checked against, because Litestar's
rendering leaves out unknown-field and constraint rules.
"""

from typing import Any

from litestar import Litestar, Request, Response, Router, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.routes import HTTPRoute
from litestar.types import Empty

from app import structs
from app.errors import MEDIA_TYPE, Problem
from app.limits.model import HEADERS
from app.principal import PUBLIC, needed

PATH = "/v1/openapi.json"

_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An access token of a session, or an API token with the scope that is named.",
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
_PROBLEMS = {
    "400": "The request cannot be read.",
    "401": "A valid credential is needed.",
    "403": "The credential does not allow this.",
    "404": "There is no such thing here.",
    "409": "The state of the thing forbids this.",
    "413": "The body is too large.",
    "415": "The body is not JSON.",
    "422": "The request has faults; each is listed.",
    "429": "The tenant has used up its requests.",
    "default": "Something went wrong.",
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
    expected = {"400", "default"}
    for scheme in operation["security"]:
        expected |= {"401", "403", "429"} if "bearer" in scheme else {"401"}
    if (data := handler.parsed_data_field) is not None:
        expected |= {"413", "415", "422"}
        operation["requestBody"]["required"] = data.default is Empty
    if places := {parameter["in"] for parameter in operation.get("parameters", ())}:
        expected.add("422")
    if "path" in places:
        expected |= {"404"} if handler.http_methods == {"GET"} else {"404", "409"}
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for status in sorted(expected):
        problem = {"description": _PROBLEMS[status], "content": content}
        if status == "400":
            # Litestar's generator describes an answer of its own, which ours never give.
            operation["responses"][status] = problem
        operation["responses"].setdefault(status, problem)
    if "429" in expected:
        operation["responses"]["429"]["headers"] = _LIMITED


def _security(handler: HTTPRouteHandler, method: str) -> list[dict[str, list[str]]]:
    """Nothing, the operator's secret, or a credential with one scope."""
    if handler.opt.get("public"):
        return []
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
