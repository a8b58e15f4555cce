"""Two readings of all meters, and what lies between them: rates, and costs per job.

Statements and buffers are pg_stat_statements' for the room's database, WAL is the cluster's, CPU is /proc's.
"""

import time
from collections.abc import Sequence

import msgspec

from benchmarks import costs
from benchmarks.programs import Program
from benchmarks.stand import Room

_METERS = """
SELECT sum(calls)::float8, sum(shared_blks_hit + shared_blks_read)::float8,
       (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::float8
FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class Reading(msgspec.Struct, frozen=True):
    """All meters at one instant."""

    at: float
    jobs: int
    cpu: float
    """Seconds, of the processes under measurement."""
    postgres: float
    """Seconds, of the whole cluster."""
    statements: float
    buffers: float
    wal: float


class Cost(msgspec.Struct, frozen=True):
    """Between two readings. ``cpu`` is that of the processes under measurement alone."""

    jobs_per_s: float
    cpu_us_per_job: float
    pg_cpu_us_per_job: float
    statements_per_job: float
    buffers_per_job: float
    wal_bytes_per_job: float


async def read(room: Room, programs: Sequence[Program], *, jobs: int, at: float | None = None) -> Reading:
    """``at`` is the instant of which ``jobs`` were done, if that was told by another clock."""
    cpu = sum(program.cpu() for program in programs)
    backend = costs.of_tree(room.stand.server.pid or 0)
    row = await room.db.fetchrow(_METERS)
    assert row is not None
    return Reading(time.time() if at is None else at, jobs, cpu, backend, *(value or 0.0 for value in row))


def between(first: Reading, last: Reading) -> Cost:
    """Raises ZeroDivisionError when nothing was done."""
    jobs, seconds = last.jobs - first.jobs, last.at - first.at
    return Cost(
        jobs_per_s=jobs / seconds,
        cpu_us_per_job=(last.cpu - first.cpu) / jobs * 1e6,
        pg_cpu_us_per_job=(last.postgres - first.postgres) / jobs * 1e6,
        statements_per_job=(last.statements - first.statements) / jobs,
        buffers_per_job=(last.buffers - first.buffers) / jobs,
        wal_bytes_per_job=(last.wal - first.wal) / jobs,
    )
