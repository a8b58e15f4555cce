"""Probes and metrics. Open to whoever reaches the port; keep `/metrics` from strangers at your proxy."""

from typing import Any

from litestar import Request, Response, Router, get
from litestar.di import NamedDependency

from app.errors import NotReady
from app.health import readiness
from app.health.departure import Departure
from app.health.schemas import Health, Readiness
from app.principal import PUBLIC
from core import metrics
from core.db import Database
from core.errors import Fault

_LEAVING = Fault("leaving", "was told to stop, and stops soon")


@get("/healthz", operation_id="getHealth", opt=PUBLIC, sync_to_thread=False)
def health() -> Health:
    """Whether the process runs; asks nothing of anybody."""
    return Health()


@get("/readyz", operation_id="getReadiness", opt=PUBLIC)
async def ready(database: NamedDependency[Database], departure: NamedDependency[Departure]) -> Readiness:
    """Whether requests can be served; 503 names each failing check."""
    faults = [_LEAVING] if departure.announced else await readiness.check(database)
    if faults:
        raise NotReady(faults)
    return Readiness()


@get("/metrics", operation_id="getMetrics", opt=PUBLIC, sync_to_thread=False, include_in_schema=False)
def exposition(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Prometheus metrics of this process."""
    content, media_type = metrics.render(request.headers.get("accept", ""))
    # Litestar adds the charset itself.
    return Response(content=content, media_type=media_type.removesuffix("; charset=utf-8"))


def router() -> Router:
    """The probes' routes."""
    return Router("/", route_handlers=[health, ready, exposition], tags=["operations"])
