"""`make up`: everything on this machine, from an empty folder to a first webhook, and away again.

    the folder's lock ─ PostgreSQL ─ migrate ─ app, schedulers, reaper ─ `ready URL` ─ the story ─ wait ─
    stop

stdout tells the story; what the servers have to say goes to FOLDER/logs. Ctrl-C, SIGTERM and SIGHUP end it
in order; a second one ends it at once. Whatever ends it, nothing it started stays: see local.child.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from local import lock, plan, secret
from local.plan import Plan
from local.postgres import Postgres
from local.supervisor import Child, Program, Supervisor

Spawn = Callable[[Program], Awaitable[Child]]
Story = Callable[[str, Callable[[str], None], Spawn], Awaitable[bool]]
"""Plays against the base URL, says what happens, may start more programs; whether all went well."""

_TREE = Path(__file__).resolve().parent.parent
_WATCH_SECONDS = 0.25
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(story: Story, *, stays: bool, tree: Path = _TREE) -> int:
    """The exit status. `stays`: go on serving after the story, until told to stop. Raises Refusal.

    `tree` is where the servers' code stands.
    """
    with lock.held(plan.folder(os.environ)):
        chosen = plan.read(os.environ)
        given = os.environ.get("DATABASE_URL")
        if given:
            return asyncio.run(_Installation(chosen, tree, given, None).live(story, stays=stays))
        began = time.monotonic()
        with Postgres(chosen.folder) as server:
            say(f"PostgreSQL {server.version} is up{_since(began)}")
            return asyncio.run(_Installation(chosen, tree, server.dsn, server).live(story, stays=stays))


def say(text: str) -> None:
    """To stdout, while anybody reads it: a closed pipe or terminal must not keep the rest from being done."""
    try:
        print(text, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Installation:
    """What is started once there is a database."""

    def __init__(self, chosen: Plan, tree: Path, database: str, server: Postgres | None) -> None:
        self._plan = chosen
        self._server = server
        secrets = secret.environment(chosen.folder / "secrets", os.environ)
        self._environment = plan.environment(chosen, os.environ, secrets, database)
        self._logs = chosen.folder / "logs"
        self._supervisor = Supervisor(tree=tree, logs=self._logs, say=say, stop_seconds=chosen.stop_seconds)
        self._asked = asyncio.Event()

    async def live(self, story: Story, *, stays: bool) -> int:
        """Serve and tell, until that is over, or fails, or somebody asks to stop."""
        self._listen()
        telling = asyncio.create_task(self._tell(story, stays=stays))
        tasks = [telling, asyncio.create_task(self._watch()), asyncio.create_task(self._asked.wait())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            good = stays if self._asked.is_set() else telling.result()
            return 0 if good else 1
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._supervisor.stop()

    async def _tell(self, story: Story, *, stays: bool) -> bool:
        await self._serve()
        say(f"ready {self._plan.url}")
        good = await story(self._plan.url, say, self._supervisor.start)
        if stays:
            say(f"logs are in {self._logs}; stop with Ctrl-C")
            await self._asked.wait()
        return good

    async def _serve(self) -> None:
        began = time.monotonic()
        await self._supervisor.complete(plan.migrate(self._environment))
        say(f"the tables are there{_since(began)}")
        began = time.monotonic()
        servers = plan.servers(self._plan, self._environment)
        await self._supervisor.start_all(servers)
        say(f"{', '.join(one.name for one in servers)} serve{_since(began)}")

    async def _watch(self) -> None:
        """Start PostgreSQL again, on its port, when it ends; the servers are made to live through that."""
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            if self._server is not None and self._server.pid is None:
                say("PostgreSQL ended; starting it again")
                self._server.start()

    def _listen(self) -> None:
        """What nohup told us to ignore stays ignored."""
        loop = asyncio.get_running_loop()
        for number in _ENDING:
            if signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, self._stop)

    def _stop(self) -> None:
        if self._asked.is_set():
            self._supervisor.kill()
            return
        self._asked.set()
        say("stopping")


def _since(began: float) -> str:
    return f" ({time.monotonic() - began:.1f} s)"
