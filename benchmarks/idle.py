"""What processes cost that have nothing to do: statements and CPU, each process alone on its database."""

import asyncio
from collections.abc import Mapping

from benchmarks import readings
from benchmarks.programs import python
from benchmarks.readings import Reading
from benchmarks.stand import Stand

_SETTLING_SECONDS = 4.0


async def costs(stand: Stand, seconds: float) -> dict[str, Mapping[str, float]]:
    """Of a scheduler and a reaper, by prefix."""
    return {f"idle_{module}_": await _cost(stand, module, seconds) for module in ("scheduler", "reaper")}


async def _cost(stand: Stand, module: str, seconds: float) -> Mapping[str, float]:
    async with stand.room() as room, room.start(module, python(module)) as program:
        await asyncio.sleep(_SETTLING_SECONDS)
        first = await readings.read(room, [program], jobs=0)
        await asyncio.sleep(seconds)
        last = await readings.read(room, [program], jobs=0)
    return per_second(first, last)


def per_second(first: Reading, last: Reading) -> Mapping[str, float]:
    """Our own reading is one of the statements; it is left out. CPU is in percent of a core."""
    seconds = last.at - first.at
    return {
        "statements_per_s": max(0.0, last.statements - first.statements - 1) / seconds,
        "cpu_percent": (last.cpu - first.cpu) / seconds * 100,
        "pg_cpu_percent": (last.postgres - first.postgres) / seconds * 100,
    }
