"""Replicas over HTTP. They serve all tenants, so nothing of their hosts shows."""

from litestar import Router, get
from litestar.di import NamedDependency

from app.principal import Principal
from app.replicas import store as replicas
from app.replicas.schemas import Replica, Replicas, ReplicaState
from app.replicas.store import Seen
from core.db import Database
from core.jobs.model import Needs


@get("/replicas", operation_id="listReplicas", summary="List the scheduler replicas")
async def listed(principal: NamedDependency[Principal], database: NamedDependency[Database]) -> Replicas:
    """The processes that make the calls, and how many of yours each has in hand."""
    async with database.raw() as db:
        found = await replicas.seen(db, tenant=principal.tenant_id)
    return Replicas([_replica(one) for one in found])


def _replica(one: Seen) -> Replica:
    return Replica(
        id=one.id,
        state=_state(one),
        started_at=one.started_at,
        beat_at=one.beat_at,
        offers=[Needs(need).name.lower() for need in sorted(one.offers)],
        concurrency=one.concurrency,
        in_flight=one.in_flight,
    )


def _state(one: Seen) -> ReplicaState:
    if not one.beats:
        return ReplicaState.LOST
    return ReplicaState.DRAINING if one.draining else ReplicaState.ALIVE


def router() -> Router:
    """The route of replicas."""
    return Router("/v1", route_handlers=[listed], tags=["operations"])
