"""How much memory a scheduler holds with a thousand calls in flight."""

import asyncio
from collections.abc import Mapping

from benchmarks import throughput, work
from benchmarks.stand import Stand

CALLS = 1000
_LOOKS = 20


async def in_flight(stand: Stand) -> Mapping[str, float]:
    """The most that was seen while every call hangs at the receiver; bodies are 1 KiB."""
    order = throughput.order(stand, "/hold", body_bytes=1024)
    async with stand.room() as room:
        await stand.receiver.reset()
        await work.store(room.db, work.due_now(order, CALLS))
        async with room.scheduler(NOONMARK_CONCURRENCY=str(CALLS)) as scheduler:
            await stand.receiver.until(CALLS, scheduler)
            seen = []
            for _ in range(_LOOKS):
                seen.append(scheduler.resident_mb())
                await asyncio.sleep(0.05)
            await stand.receiver.release()
    return {"rss_mb": max(seen)}
