"""The doctor over HTTP. It looks at the whole installation and shows nothing of any tenant."""

import time

from litestar import Router, get
from litestar.di import NamedDependency

from app.doctor import conditions, findings, store
from app.doctor.schemas import Report
from app.principal import Scope, needs
from core import capabilities
from core.db import Database
from core.settings import Settings


@get("/doctor", operation_id="getDoctor", summary="Examine the installation", opt=needs(Scope.ADMIN))
async def examine(database: NamedDependency[Database], settings: NamedDependency[Settings]) -> Report:
    """Figures of the database, the replicas, the backlog and the settings, each with a verdict."""
    found = await capabilities.find(database, settings.without)
    async with database.raw() as db:
        began = time.perf_counter()
        await store.ping(db)
        latency = time.perf_counter() - began
        asked = time.time()
        look = await store.look(db)
        answered = time.time()
        server = await store.server(db, partitions=found.partitions)
    all = findings.findings(look, latency=latency, skew=(asked + answered) / 2 - look.clock)
    all += conditions.of_server(server) + conditions.of_capabilities(found, settings.without)
    all += conditions.of_settings(settings)
    return Report(findings.worst(all), all)


def router() -> Router:
    """The doctor's route."""
    return Router("/v1", route_handlers=[examine], tags=["operations"])
