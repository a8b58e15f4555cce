"""Jobs for tests: a tenant with a queue, and new jobs with defaults."""

from typing import Any
from uuid import UUID, uuid4

import msgspec

from core import ids
from core.db import Database, Raw
from core.jobs import store as jobs
from core.jobs.backoff import Retry
from core.jobs.model import HttpTarget, NewJob, Outcome, Settlement


class Tenant(msgspec.Struct, frozen=True):
    """A tenant and its default queue."""

    id: UUID
    queue_id: UUID


async def make_tenant(database: Database) -> Tenant:
    """A tenant with the queue every tenant has."""
    tenant = Tenant(uuid4(), uuid4())
    async with database.raw() as db:
        await db.execute("INSERT INTO tenants (id, name) VALUES ($1, 'test')", tenant.id)
        await db.execute(
            "INSERT INTO queues (id, tenant_id, name) VALUES ($1, $2, 'default')", tenant.queue_id, tenant.id
        )
    return tenant


def new_job(tenant: Tenant, **given: Any) -> NewJob:
    """A job that fires now and calls a loopback address, unless told otherwise."""
    url = given.pop("url", "http://127.0.0.1:9/hook")
    defaults: dict[str, Any] = {
        "id": ids.new(),
        "tenant_id": tenant.id,
        "queue": "default",
        "priority": 50,
        "target_type": "http",
        "target": msgspec.json.encode(HttpTarget(url=url)).decode(),
        "body": b'{"any":"json"}',
        "sealed_headers": None,
        "timeout_seconds": 30,
        "success": '{"status":["2xx"]}',
        "retry": msgspec.json.encode(Retry()).decode(),
        "labels": "{}",
        "fire_at": None,
        "delay_seconds": 0.0,
        "expires_at": None,
        "replay_of": None,
        "request_id": "test",
        "trace": None,
    }
    return NewJob(**(defaults | given))


async def make_job(db: Raw, tenant: Tenant, **given: Any) -> UUID:
    """A stored job's id."""
    job = new_job(tenant, **given)
    [created] = await jobs.create(db, [job])
    assert created.created
    return job.id


def settlement(lease: Any, outcome: Outcome | None = Outcome.SUCCEEDED, **given: Any) -> Settlement:
    """A settlement that carries the lease's own fence."""
    return Settlement(
        job_id=lease.job_id, attempt=lease.attempt, lease_token=lease.lease_token, outcome=outcome, **given
    )
