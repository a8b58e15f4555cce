"""Attempts that print, for tests: a lease, an order for it, and chunks."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from core.db import Raw
from core.jobs import store as jobs
from core.jobs.model import Lease
from core.logs.model import Chunk
from scheduler.runtimes.runtime import Order
from tests.jobs import Tenant, make_job

REPLICA = uuid4()


async def started(db: Raw, tenant: Tenant, **given: Any) -> Lease:
    """The lease of a new job."""
    job = await make_job(db, tenant, **given)
    found = await claimed(db, tenant.queue_id, given.get("needs", 0))
    return next(lease for lease in found if lease.job_id == job)


async def claimed(db: Raw, queue: UUID, needs: int = 0) -> list[Lease]:
    """The leases of all jobs that are ready in a queue, and need the same."""
    return await jobs.claim(db, [(queue, 100, None)], replica=REPLICA, needs=[needs])


def order(lease: Lease) -> Order:
    """What a runtime is told of a lease."""
    return Order(
        job_id=lease.job_id,
        attempt=lease.attempt,
        lease_token=lease.lease_token,
        tenant_id=lease.tenant_id,
        folder=Path("unused"),
    )


def chunk(lease: Lease, *lines: str, sequence: int = 0, **given: Any) -> Chunk:
    """Lines that end with the number `sequence`; numbered from 1 unless told otherwise."""
    defaults: dict[str, Any] = {
        "job_id": lease.job_id,
        "attempt": lease.attempt,
        "lease_token": lease.lease_token,
        "sequence": sequence or len(lines),
        "lines": len(lines),
        "at": datetime.now(UTC).timestamp(),
        "stream": "stdout",
        "text": "\n".join(lines),
        "mark": None,
    }
    return Chunk(**(defaults | given))
