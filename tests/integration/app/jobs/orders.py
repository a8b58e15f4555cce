"""Requests for jobs, and what becomes of jobs when a scheduler has them."""

from typing import Any
from uuid import UUID, uuid4

import httpx

from core.db import Database
from core.jobs import store as jobs
from core.jobs.model import Lease, Outcome, Settled
from tests.jobs import settlement

URL = "http://127.0.0.1:9/hook"
REPLICA = uuid4()


def order(**given: Any) -> dict[str, Any]:
    """A request body; `target` members may be given by name."""
    named = {"url", "method", "headers", "secret_headers", "body", "body_text", "body_base64", "type"}
    target = {"url": URL} | {name: given.pop(name) for name in named & set(given)}
    return {"target": target} | given


async def make(api: httpx.AsyncClient, **given: Any) -> dict[str, Any]:
    """The job that was made."""
    answer = await api.post("/v1/jobs", json=order(**given))
    assert answer.status_code == 201, answer.text
    job: dict[str, Any] = answer.json()
    return job


async def read(api: httpx.AsyncClient, job: dict[str, Any]) -> dict[str, Any]:
    """The job as it is now."""
    answer = await api.get(f"/v1/jobs/{job['id']}")
    assert answer.status_code == 200, answer.text
    now: dict[str, Any] = answer.json()
    return now


async def claim(database: Database, *, replica: UUID = REPLICA) -> Lease:
    """The lease of the one job that is ready."""
    async with database.raw() as db:
        [queue] = await db.fetch("SELECT DISTINCT queue_id FROM ready")
        [lease] = await jobs.claim(db, [(queue[0], 10, None)], replica=replica)
    return lease


async def settle(
    database: Database, lease: Lease, outcome: Outcome | None = Outcome.SUCCEEDED, **given: Any
) -> Settled:
    """What became of the lease."""
    async with database.raw() as db:
        [settled] = await jobs.settle(db, [settlement(lease, outcome, **given)])
    return settled


async def come_due(database: Database) -> None:
    """Let every timer be due, and plan it."""
    async with database.raw() as db:
        await db.execute("UPDATE timers SET due_at = now()")
        await jobs.plan(db, limit=100, since=None)
