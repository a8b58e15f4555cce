"""A stand-in for a scheduler, to be killed: `python -m … ROOT COMMAND…` begins one attempt and waits."""

import asyncio
import sys
from pathlib import Path

from tests.integration.scheduler.runtimes.attempts import Attempts


async def main(root: Path, command: list[str]) -> None:
    attempts = Attempts(root)
    order = attempts.order(*command)
    await attempts.begin(order)
    print(order.lease_token, flush=True)  # noqa: T201 - the test reads it
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2:]))
