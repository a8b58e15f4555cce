"""Every route of the API, in one list. A new noun adds its `router()` here, and nothing else changes."""

from collections.abc import Callable

from litestar import Router

from app import openapi
from app.health import routes as health

Routers = tuple[Callable[[], Router], ...]

ALWAYS: Routers = (
    health.router,
    openapi.router,
)
DEVELOPMENT: Routers = ()
"""Conveniences of a developer's machine; in production these do not exist."""
