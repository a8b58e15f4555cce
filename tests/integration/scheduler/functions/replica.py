"""A scheduler's process that holds an attempt and waits to be killed."""

import asyncio
import sys
from pathlib import Path

from tests.integration.scheduler.functions.rig import Rig


async def hold(root: Path) -> None:
    started = await Rig(root).start("deaf@1")
    sys.stdout.write(await started.printed("children") + "\n")
    sys.stdout.flush()
    await started.done()


if __name__ == "__main__":
    asyncio.run(hold(Path(sys.argv[1])))
