"""`python -m benchmarks.unsent COUNT`: a whole scheduler whose calls are answered before they leave.

Beside the peers' jobs that do nothing: everything is as in production, from the claim to the settlement, but
the sender.
"""

import asyncio
import os
import signal
import sys
from typing import Any

import uvloop

from benchmarks.marks import Marks
from core import log
from core.db import BY_INDEX, PLANNED_ANEW, Database
from core.egress.guard import parse_egress
from core.sealing import parse_keys
from core.settings import load
from scheduler.replica import Scheduler
from scheduler.sender.call import Call, Told
from scheduler.sender.reply import Response
from scheduler.sender.request import Request
from scheduler.sender.resolver import CaresResolver
from scheduler.sender.sender import Sender

_HEADERS = (("content-type", "application/json"), ("content-length", "100"))
_ANSWER = Response(200, _HEADERS, b"x" * 100, truncated=False, bytes_sent=500, reused=True)


class Answered(Sender):
    """Says at once that all went well."""

    marks: Marks

    def start(self, request: Request, *, done: Told, **how: Any) -> Call:
        self.marks.add(1)
        done(_ANSWER)
        return Call(self._pool, (request.tenant_id, "", "", 0), b"", head_only=False, done=done, **how)


async def run(count: int) -> None:
    settings = load(os.environ, need=("master_keys",))
    log.configure(settings.log_level, process="unsent")
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    sender = Answered(egress=parse_egress(""), resolver=CaresResolver())
    sender.marks = Marks(count)
    database = Database(settings.database_url, name="noonmark-unsent", size=4, planning=BY_INDEX)
    claims = Database(settings.database_url, name="noonmark-unsent", size=1, planning=PLANNED_ANEW)
    scheduler = Scheduler(settings, database, claims, parse_keys(settings.master_keys or ""), sender)
    await scheduler.run(stop, asyncio.Event())
    await claims.close()
    await database.close()


if __name__ == "__main__":
    uvloop.run(run(int(sys.argv[1])))
