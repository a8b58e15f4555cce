"""pgqueuer with asyncpg and uvloop, batches of 100, calls by aiohttp. Done jobs leave its queue for its log.

Run by the peers' own Python: MODE COUNT [RATE].
"""

import asyncio
import json
import os
import sys
import time
from datetime import timedelta
from typing import Any

import aiohttp
import asyncpg
import uvloop
from pgqueuer import QueueManager
from pgqueuer.db import AsyncpgDriver, AsyncpgPoolDriver
from pgqueuer.queries import Queries

_BATCH = 100
_STORE = 500
_LEAD_SECONDS = 3.0
_STORES_PER_S = 2_500.0
_MARKS = (0.15, 0.85)


class Work:
    """The job's handler, counting."""

    def __init__(self, mode: str, count: int, session: Any) -> None:
        self._calls = mode != "noop"
        self._session = session
        self._left = [int(count * share) for share in _MARKS]
        self._done = 0

    async def do(self, job: Any) -> None:
        if self._calls:
            content = json.loads(job.payload)
            headers = {"content-type": "application/json", "webhook-id": content.pop("id")}
            async with self._session.post(
                os.environ["TARGET"], data=json.dumps(content), headers=headers
            ) as answer:
                await answer.read()
                answer.raise_for_status()
        self._done += 1
        if self._left and self._done >= self._left[0]:
            self._left.pop(0)
            print(f"{self._done} {time.time():.6f}", flush=True)


async def store(queries: Any, instants: list[float], *, timed: bool) -> None:
    for at in range(0, len(instants), _STORE):
        batch = instants[at : at + _STORE]
        payloads = [json.dumps(_content(due)).encode() for due in batch]
        after = [timedelta(seconds=max(0.0, due - time.time())) for due in batch] if timed else None
        await queries.enqueue(["job"] * len(batch), payloads, [0] * len(batch), after)
    if timed and time.time() > instants[0]:
        raise RuntimeError("storing took too long: the first jobs were due meanwhile")


def _content(due: float) -> dict[str, object]:
    return {"id": str(round(due * 1e6)).zfill(36), "invoice": 1042, "note": "x" * 74}


async def run(mode: str, count: int, rate: float) -> None:
    timed = mode == "timed"
    connector = aiohttp.TCPConnector(limit=2 * _BATCH)
    async with (
        asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=4, max_size=8) as pool,
        aiohttp.ClientSession(connector=connector) as session,
    ):
        connection = await asyncpg.connect(os.environ["DATABASE_URL"])
        await Queries(AsyncpgDriver(connection)).install()
        manager = QueueManager(Queries(AsyncpgPoolDriver(pool)))
        manager.entrypoint("job")(Work(mode, count, session).do)
        start = time.time() + _LEAD_SECONDS + count / _STORES_PER_S
        instants = [start + index / rate if timed else time.time() for index in range(count)]
        storing = store(Queries(AsyncpgDriver(connection)), instants, timed=timed)
        if not timed:
            await storing
        how = {"dequeue_timeout": timedelta(seconds=0.1), "batch_size": _BATCH}
        working = asyncio.ensure_future(manager.run(**how, max_concurrent_tasks=2 * _BATCH))
        if timed:
            await storing
        await working


if __name__ == "__main__":
    uvloop.run(run(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else 0.0))
