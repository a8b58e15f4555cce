"""`python -m benchmarks.bare_loop COUNT`: look, claim, settle, over and over, and no HTTP at all.

What the database alone allows: the hot statements, on the connections they have in a scheduler, claiming and
settling side by side. Every job gets the answer that the receiver would have given.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from uuid import UUID, uuid4

import uvloop

from benchmarks.marks import Marks
from benchmarks.receiver.protocol import OK
from core.db import BY_INDEX, PLANNED_ANEW, Database
from core.jobs import store as jobs
from core.jobs.model import Lease, Outcome, Settlement

_BATCH = 500
_HEADERS = b'{"content-type":"application/json","content-length":"100"}'
_ANSWER = OK[-100:]


async def run(dsn: str, count: int) -> None:
    claims = Database(dsn, name="benchmark-claims", size=1, planning=PLANNED_ANEW)
    settles = Database(dsn, name="benchmark-settles", size=1, planning=BY_INDEX)
    handed: asyncio.Queue[Sequence[Lease]] = asyncio.Queue(maxsize=2)
    async with asyncio.TaskGroup() as group:
        group.create_task(_claim(claims, handed, count))
        group.create_task(_settle(settles, handed, Marks(count), count))
    await claims.close()
    await settles.close()


async def _claim(database: Database, handed: asyncio.Queue[Sequence[Lease]], count: int) -> None:
    replica: UUID = uuid4()
    async with database.raw() as db:
        while count > 0:
            seen = await jobs.survey(db, since=None)
            share = -(-_BATCH // max(len(seen.lanes), 1))
            quotas = [(lane.queue_id, share, None) for lane in seen.lanes]
            leases = await jobs.claim(db, quotas, replica=replica) if quotas else []
            count -= len(leases)
            await handed.put(leases)


async def _settle(
    database: Database, handed: asyncio.Queue[Sequence[Lease]], marks: Marks, count: int
) -> None:
    async with database.raw() as db:
        while marks.done < count:
            if leases := await handed.get():
                await jobs.settle(db, [_settlement(lease) for lease in leases])
                marks.add(len(leases))


def _settlement(lease: Lease) -> Settlement:
    return Settlement(
        job_id=lease.job_id,
        attempt=lease.attempt,
        lease_token=lease.lease_token,
        outcome=Outcome.SUCCEEDED,
        started_ago=0.002,
        duration=0.001,
        request_id=f"{lease.request_id}-1",
        bytes_sent=500,
        status=200,
        headers=_HEADERS,
        body=_ANSWER,
    )


if __name__ == "__main__":
    uvloop.run(run(os.environ["DATABASE_URL"], int(sys.argv[1])))
