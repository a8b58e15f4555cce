"""Limits for tests: set as the API sets them."""

from typing import Any
from uuid import UUID, uuid4

from app import limiting
from app.jobs import laning
from app.jobs.laning import Lane
from app.limiting import Limit
from app.queues import store as queues
from core.db import Database
from core.jobs.model import Lane as Work
from core.jobs.model import Needs
from tests.jobs import Tenant

LANE = "function:encode@1"


async def limit(database: Database, tenant: Tenant, *, whole: bool = False, **given: Any) -> None:
    """Limit a tenant's queue, or the whole tenant; nothing given is no limit."""
    rate: dict[str, Any] = {"rate_seconds": 1.0, "rate_burst": 1} if "rate_count" in given else {}
    async with database.raw() as db, db.transaction():
        await queues.hold(db, tenant.id)
        whose = tenant.id if whole else tenant.queue_id
        await limiting.put(db, whose, Limit(**(rate | given)), tenant=tenant.id)


async def another_queue(database: Database, tenant: Tenant, name: str) -> Tenant:
    """The same tenant, with this queue as its own."""
    id = uuid4()
    async with database.raw() as db:
        await db.execute(
            """INSERT INTO queues (id, tenant_id, name, limited) VALUES ($1, $2, $3,
               EXISTS (SELECT FROM limits WHERE id = $2))""",
            id, tenant.id, name,
        )  # fmt: skip
    return Tenant(tenant.id, id)


async def function_limit(database: Database, most: int | None) -> UUID:
    """A limit that lanes of several tenants share; its id."""
    id = uuid4()
    async with database.raw() as db:
        await db.execute("INSERT INTO limits (id, max_concurrency) VALUES ($1, $2)", id, most)
    return id


async def lane_in(
    database: Database, tenant: Tenant, *, shares: UUID | None = None, most: int | None = None
) -> Tenant:
    """The same tenant, with its lane as its own queue."""
    async with database.raw() as db:
        assert await laning.ensure(db, [Lane(LANE, most, shares)], tenant=tenant.id)
        id = await db.fetchval("SELECT id FROM queues WHERE name = $1 AND tenant_id = $2", LANE, tenant.id)
    return Tenant(tenant.id, id)


def lane(tenant: Tenant, needs: int = Needs.HTTP) -> Work:
    """Its queue, as a survey tells of it when it is limited."""
    return Work(tenant.queue_id, tenant.id, True, needs)


async def held(database: Database, queue: UUID) -> int:
    """How many leases there are of a queue."""
    async with database.raw() as db:
        found: int = await db.fetchval("SELECT count(*) FROM leases WHERE queue_id = $1", queue)
    return found
