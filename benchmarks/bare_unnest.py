"""The least that PostgreSQL must do to take many jobs: the rows themselves, by one raw `unnest` a batch.

The same columns of the same tables with the same indexes as a batch through the API, from as many connections
and as durable. All values are made up beforehand, in the types of their columns; nothing is looked up, judged
or given back. A job is for tomorrow, so that its second row is a timer.
"""

import asyncio
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from benchmarks import work
from benchmarks.stand import Room, connected
from core import ids

_STATEMENT = """
WITH rows AS MATERIALIZED (
  SELECT * FROM unnest(
    $1::uuid[], $2::uuid[], $3::uuid[], $4::int2[], $5::text[], $6::jsonb[], $7::bytea[], $8::bytea[],
    $9::int[], $10::jsonb[], $11::jsonb[], $12::jsonb[], $13::timestamptz[], $14::timestamptz[], $15::uuid[],
    $16::text[], $17::text[], $18::bool[], $19::jsonb[])
  AS t(id, tenant_id, queue_id, priority, target_type, target, body, sealed_headers, timeout_seconds, success,
       retry, labels, fire_at, expires_at, replay_of, request_id, trace, due_at_once, uniqueness)),
made AS (
  INSERT INTO jobs (id, tenant_id, queue_id, priority, target_type, target, body, sealed_headers,
                    timeout_seconds, success, retry, labels, fire_at, expires_at, replay_of, request_id,
                    trace, due_at_once, uniqueness)
  SELECT * FROM rows)
INSERT INTO timers (job_id, tenant_id, queue_id, due_at, attempt, losses, priority)
SELECT id, tenant_id, queue_id, fire_at, 1, 0, priority FROM rows
"""
_MOST_ROWS = 2_000_000
"""Prepared at most; whoever is faster is measured for less long."""
_ROWS_PER_SECOND = 200_000


async def rate(room: Room, order: work.Order, seconds: float, *, rows: int, connections: int) -> float:
    """Rows a second of each of the two tables, ``rows`` to a statement."""
    columns = await _columns(room, order, rows)
    count = int(min(_MOST_ROWS, seconds * _ROWS_PER_SECOND)) // rows
    batches = iter([[ids.new() for _ in range(rows)] for _ in range(count)])
    done = await asyncio.gather(*(_repeat(room, batches, columns, seconds) for _ in range(connections)))
    return rows * sum(times for times, _ in done) / max(took for _, took in done)


async def _columns(room: Room, order: work.Order, rows: int) -> list[list[Any]]:
    """All columns but the id, the same job in every row."""
    [job] = work.due_at(order, [time.time() + 86_400])
    queue: UUID = await room.db.fetchval("SELECT id FROM queues WHERE tenant_id = $1", job.tenant_id)
    row = (
        job.tenant_id, queue, job.priority, job.target_type, job.target, job.body, None, job.timeout_seconds,
        job.success, job.retry, job.labels, job.fire_at, None, None, str(ids.new()), None,
        False, None,
    )  # fmt: skip
    return [[value] * rows for value in row]


async def _repeat(
    room: Room, batches: Iterator[list[UUID]], columns: list[list[Any]], seconds: float
) -> tuple[int, float]:
    """How many statements this connection made in how many seconds."""
    async with connected(room.dsn) as db:
        statement = await db.prepare(_STATEMENT)
        done, began = 0, time.monotonic()
        for rows in batches:
            await statement.fetch(rows, *columns)
            done += 1
            if time.monotonic() - began >= seconds:
                break
        return done, time.monotonic() - began
