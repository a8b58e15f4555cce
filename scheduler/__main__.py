"""`python -m scheduler`: one replica, until SIGTERM or SIGINT; a second signal ends the drain early."""

import asyncio
import gc
import os
import signal
import sys

import uvloop

from core import capabilities, log, quarantine, schema
from core.db import Database
from core.errors import NoonmarkError
from core.probes import Check, Probes
from core.sealing import parse_keys
from core.settings import Settings, load
from core.tracing import tracer as tracing
from core.tracing.tracer import Tracer
from scheduler import replica


async def serve(settings: Settings, tracer: Tracer | None) -> None:
    """Everything of this process, wired and run."""
    stop, hurry = asyncio.Event(), asyncio.Event()
    _on_signals(stop, hurry)
    database = Database(settings.database_url, name="noonmark-scheduler-probes", size=1)
    keyring = parse_keys(settings.master_keys or "")
    # A replica that waits for something is alive, and says that it is not ready.
    checks: dict[str, Check] = {"database": lambda: schema.answers(database), "beat": _not_yet}
    probes = Probes(checks, host=settings.host, port=settings.metrics_port)
    over = asyncio.Event()
    probing = asyncio.ensure_future(probes.run(over))
    try:
        await schema.check(database, stop)
        await quarantine.over(database, stop)
        server = await capabilities.at_start(database, settings.without, stop)
        async with replica.opened(settings, keyring, server, tracer) as scheduler:
            checks["beat"] = scheduler.beats
            gc.collect()
            gc.freeze()
            await scheduler.run(stop, hurry)
    finally:
        over.set()
        await probing
        if tracer is not None:
            await asyncio.to_thread(tracer.close)
        await database.close()


async def _not_yet() -> bool:
    return False


def _on_signals(stop: asyncio.Event, hurry: asyncio.Event) -> None:
    def told() -> None:
        (hurry if stop.is_set() else stop).set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told)


def main() -> int:
    """Run; 2 means that a setting or the schema is wrong."""
    try:
        settings = load(os.environ, need=("master_keys",))
        log.configure(settings.log_level, process="scheduler")
        uvloop.run(serve(settings, tracing.load(os.environ, process="scheduler")))
    except NoonmarkError as error:
        sys.stderr.write(f"{error.message}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
