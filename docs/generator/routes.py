"""The API's routes that exist now, from the OpenAPI document."""

from typing import Any

import msgspec

from app import application
from docs.generator.markdown import table as rows_of
from docs.generator.reference import METHODS, anchor


def described() -> dict[str, Any]:
    """The OpenAPI document, as `make openapi` writes it."""
    document: dict[str, Any] = msgspec.json.decode(application.describe())
    return document


def table() -> str:
    """One row a route, ordered by path, for a page beside the reference."""
    paths: dict[str, Any] = described()["paths"]
    rows = [
        (method.upper(), path, operation)
        for path, operations in sorted(paths.items())
        for method in METHODS
        if (operation := operations.get(method)) is not None
    ]
    return rows_of(("route", "who", "what"), [_row(*row) for row in rows])


def _row(method: str, path: str, operation: dict[str, Any]) -> tuple[str, str, str]:
    security = operation.get("security") or [{"anybody": []}]
    who = ", ".join(f"`{scope}`" for scope in security[0].get("bearer", [])) or next(iter(security[0]))
    said = str(operation.get("description") or operation.get("summary") or "")
    return f"[`{method} {path}`](reference.md#{anchor(method, path)})", who, said.split("\n\n")[0]
