"""Every route of the API, in one list. A new noun adds its `router()` here, and nothing else changes."""

from collections.abc import Callable

from litestar import Router

from app import openapi
from app.artifacts import routes as artifacts
from app.audit import routes as audit
from app.bulk import routes as bulk
from app.callbacks import routes as callbacks
from app.dead_letters import routes as dead_letters
from app.definitions import routes as definitions
from app.doctor import routes as doctor
from app.erasure import routes as erasure
from app.health import routes as health
from app.jobs import routes as jobs
from app.logs import routes as logs
from app.mail import routes as mail
from app.pages import routes as pages
from app.queues import routes as queues
from app.replicas import routes as replicas
from app.signing_secrets import routes as signing_secrets
from app.tenants import routes as tenants
from app.tokens import routes as tokens
from app.users import routes as users
from app.videos import routes as videos

Routers = tuple[Callable[[], Router], ...]

ALWAYS: Routers = (
    health.router,
    openapi.router,
    pages.router,
    users.router,
    jobs.router,
    logs.router,
    artifacts.router,
    videos.router,
    callbacks.router,
    queues.router,
    definitions.router,
    dead_letters.router,
    bulk.router,
    erasure.router,
    signing_secrets.router,
    tokens.router,
    tenants.router,
    audit.router,
    replicas.router,
    doctor.router,
)
DEVELOPMENT: Routers = (mail.router,)
"""Conveniences of a developer's machine; in production these do not exist."""
