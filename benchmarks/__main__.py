"""`python -m benchmarks quick | full | growth | endurance`: measure, keep the results, write the page.

`python -m benchmarks page` writes the page from the results that are there.
"""

import asyncio
import sys
import time
from datetime import UTC, datetime

from benchmarks import machine, modes, page, results, stand
from benchmarks.figures import Flat, Tally
from benchmarks.modes import Measure, Scale

_MODES: dict[str, tuple[Measure, Scale]] = {
    "quick": (modes.quick, modes.QUICK),
    "full": (modes.full, modes.FULL),
    "growth": (modes.grown, modes.GROWTH),
    "endurance": (modes.endured, modes.ENDURANCE),
}


async def measured(mode: str) -> Flat:
    """What a mode finds."""
    measure, scale = _MODES[mode]
    began = time.monotonic()
    tally = Tally()
    async with stand.opened() as opened:
        try:
            found = await measure(opened, scale, tally)
        except Exception:
            # What was measured before is as good as ever.
            results.merge(tally.flat())
            raise
        found |= machine.described(opened.server.version)
    found[f"measured_{mode}_at"] = datetime.now(UTC).isoformat(timespec="seconds")
    found[f"measured_{mode}_seconds"] = round(time.monotonic() - began)
    return found


def main(arguments: list[str]) -> int:
    match arguments:
        case [mode] if mode in _MODES:
            page.write(results.merge(asyncio.run(measured(mode))))
            return 0
        case ["page"]:
            page.write(results.read())
            return 0
        case _:
            sys.stderr.write(f"usage: python -m benchmarks {' | '.join(_MODES)} | page\n")
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
