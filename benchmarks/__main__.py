"""`python -m benchmarks quick`: measure, keep the results, write the page."""

import asyncio
import sys
import time
from datetime import UTC, datetime

from benchmarks import machine, modes, results, stand
from benchmarks.figures import Flat, Tally
from benchmarks.modes import Measure, Scale

_MODES: dict[str, tuple[Measure, Scale]] = {
    "quick": (modes.quick, modes.QUICK),
}


async def measured(mode: str) -> Flat:
    """What a mode finds."""
    measure, scale = _MODES[mode]
    began = time.monotonic()
    async with stand.opened() as opened:
        found = await measure(opened, scale, Tally())
        found |= machine.described(opened.server.version)
    found[f"measured_{mode}_at"] = datetime.now(UTC).isoformat(timespec="seconds")
    found[f"measured_{mode}_seconds"] = round(time.monotonic() - began)
    return found


def main(arguments: list[str]) -> int:
    match arguments:
        case [mode] if mode in _MODES:
            results.merge(asyncio.run(measured(mode)))
            return 0
        case _:
            sys.stderr.write(f"usage: python -m benchmarks {' | '.join(_MODES)}\n")
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
