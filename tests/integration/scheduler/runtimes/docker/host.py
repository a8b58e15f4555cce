"""A stand-in for a scheduler, to be killed: `python -m … SOCKET FOLDER` begins an attempt and waits."""

import asyncio
import sys
from pathlib import Path

from tests.integration.scheduler.runtimes.docker.daemon import Daemon
from tests.integration.scheduler.runtimes.docker.rig import Rig


async def main(socket: Path, folder: Path) -> None:
    rig = Rig(Daemon(socket.parent), folder)
    order = rig.order("sleep", "500")
    work = await rig.begin(order)
    sys.stdout.write(f"{order.lease_token}\n")
    sys.stdout.flush()
    await work.wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
