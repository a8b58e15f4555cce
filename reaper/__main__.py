"""`python -m reaper`: the sweeps, until SIGTERM or SIGINT. Any number may run."""

import asyncio
import os
import signal
import sys

import uvloop

from core import capabilities, log, quarantine, schema
from core.db import PLANNED_ANEW, Database
from core.errors import NoonmarkError
from core.loop import Loop
from core.probes import Probes
from core.settings import Settings, load
from core.storage.service import open_storage
from core.tracing import tracer as tracing
from core.tracing.tracer import Tracer
from reaper.artifacts import ArtifactSweep
from reaper.erasure import Erasure
from reaper.leases import LeaseSweep
from reaper.retention import Days, Trim, dead_letters, ended_jobs
from reaper.upkeep import Upkeep
from reaper.watch.census import Census
from reaper.watch.depth import Depth


async def serve(settings: Settings, tracer: Tracer | None) -> None:
    """Everything of this process, wired and run."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    database = Database(settings.database_url, name="noonmark-reaper", size=4, planning=PLANNED_ANEW)
    leases = LeaseSweep(database, ttl_seconds=settings.lease_ttl_seconds, tracer=tracer)
    upkeep = Upkeep(database)
    artifacts = ArtifactSweep(database, open_storage(settings))
    depth = Depth(database)
    checks = {"database": lambda: schema.answers(database), "partitions": upkeep.ready}
    probes = Probes(checks, host=settings.host, port=settings.metrics_port)
    # These look, or make room; they end and remove nothing.
    always = [
        Loop(Census(database).once, name="census", interval=5.0),
        Loop(depth.once, name="depth", interval=15.0),
        Loop(depth.vacuum, name="vacuum", interval=15.0),
        Loop(depth.room, name="room", interval=60.0),
    ]
    loops = [
        Loop(leases.once, name="leases", interval=min(2.0, settings.lease_ttl_seconds / 4)),
        Loop(upkeep.purge, name="purge", interval=60.0),
        Loop(upkeep.uniques, name="uniques", interval=3600.0),
        Loop(Erasure(database).once, name="erasure", interval=30.0),
        Loop(ended_jobs(database).once, name="ended_jobs", interval=3600.0),
        Loop(dead_letters(database).once, name="dead_letters", interval=3600.0),
        Loop(artifacts.once, name="artifacts", interval=30.0),
        Loop(artifacts.remnants, name="remnants", interval=3600.0),
    ]
    try:
        await schema.check(database, stop)
        server = await capabilities.at_start(database, settings.without, stop)
        loops.append(Loop(Trim(database, server).once, name="history_rows", interval=3600.0))
        if server.partitions:
            loops.append(Loop(Days(database, server).once, name="history_days", interval=600.0))
            always.append(Loop(upkeep.partitions, name="partitions", interval=3600.0))
        looking = [loop.run(stop) for loop in always]
        await asyncio.gather(probes.run(stop), *looking, _sweep(loops, database, stop))
    finally:
        if tracer is not None:
            await asyncio.to_thread(tracer.close)
        await database.close()


async def _sweep(loops: list[Loop], database: Database, stop: asyncio.Event) -> None:
    """What ends or removes something: not while an operator looks at a restored database."""
    await quarantine.over(database, stop)
    await asyncio.gather(*(loop.run(stop) for loop in loops))


def main() -> int:
    """Run; 2 means that a setting or the schema is wrong."""
    try:
        settings = load(os.environ)
        log.configure(settings.log_level, process="reaper")
        uvloop.run(serve(settings, tracing.load(os.environ, process="reaper")))
    except NoonmarkError as error:
        sys.stderr.write(f"{error.message}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
