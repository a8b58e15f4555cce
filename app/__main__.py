"""The API process: reads settings, opens what the application needs, serves, and closes it all again.

    python -m app [--migrate]    serve, after migrating if asked to
    python -m app migrate        migrate and exit
    python -m app quarantine     hold the database back, as after a restore: whoever calls or removes waits
    python -m app release        let them go on
    python -m app reseal         seal anew what an old master key has sealed, and exit
    python -m app seed           make demo data, once, and exit; in development only
    python -m app openapi        print the OpenAPI document; needs nothing

Exit codes: 0 served and told to stop; 1 the database has another schema, cannot be migrated, or holds what
does not open; 2 a setting or an argument is wrong.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import closing
from functools import partial
from typing import TypeVar

import msgspec
import uvloop

from app import application, migration
from app.health import readiness
from app.health.departure import Departure
from app.hints import Hints
from app.logs.following import Streams
from app.mail.service import Post, choose
from app.resealing import service as resealing
from app.seeding import service as seeding
from app.server import Server, settle_memory
from core import capabilities, log, quarantine
from core.db import Database, is_outage
from core.errors import SchemaError, SettingError
from core.listening import listen
from core.loop import Loop
from core.sealing import Keyring, parse_keys
from core.settings import Settings, load, variable
from core.storage.service import open_storage, require
from core.tracing import tracer as tracing

T = TypeVar("T")
Announce = Callable[[], Coroutine[None, None, None]]

_log = log.get(__name__)
_USAGE = "usage: python -m app [--migrate] | migrate | quarantine | release | reseal | seed | openapi\n"
_LOOPS_GRACE_SECONDS = 10.0
_READY_POLL_SECONDS = 0.2
_FINDING_SECONDS = 3.0
_MAIL_SECONDS = 0.5


def main(arguments: list[str]) -> int:
    """Run one command; returns its exit code."""
    try:
        match arguments:
            case [] | ["--migrate"]:
                return uvloop.run(_serve(_settings(), migrate="--migrate" in arguments))
            case ["migrate"]:
                return uvloop.run(_migrate(load(os.environ)))
            case ["quarantine" | "release" as word]:
                return uvloop.run(_quarantine(load(os.environ), word))
            case ["reseal"]:
                return uvloop.run(_reseal(load(os.environ, need=("master_keys",))))
            case ["seed"]:
                return uvloop.run(_seed(load(os.environ, need=("master_keys",))))
            case ["openapi"]:
                sys.stdout.write(application.describe().decode() + "\n")
                return 0
            case _:
                sys.stderr.write(_USAGE)
                return 2
    except SettingError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except SchemaError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _settings() -> Settings:
    settings = load(os.environ, need=("jwt_secret", "master_keys"))
    if settings.public_url is None and not settings.development:
        raise SettingError(variable("public_url"), "is needed and not set")
    return settings


def _keyring(settings: Settings) -> Keyring:
    try:
        return parse_keys(settings.master_keys or "")
    except ValueError as error:
        raise SettingError(variable("master_keys"), str(error)) from None


async def _migrate(settings: Settings) -> int:
    log.configure(settings.log_level, process="migrate")
    database = Database(settings.database_url, name="noonmark-migrate", size=1, pooled=settings.pooled)
    try:
        await migration.migrate(database)
    except Exception as error:
        if not is_outage(error):
            raise
        sys.stderr.write("DATABASE_URL: the database does not answer\n")
        return 1
    finally:
        await database.close()
    return 0


async def _quarantine(settings: Settings, word: str) -> int:
    change = quarantine.hold if word == "quarantine" else quarantine.release
    done = await _once(settings, word, lambda database: _changed(change, database), of_any_schema=True)
    if done is None:
        return 1
    sys.stdout.write(
        f"the database is {'held: schedulers and reapers that start wait' if done else 'released'}\n"
    )
    return 0


async def _changed(change: Callable[[Database], Awaitable[None]], database: Database) -> bool:
    await change(database)
    return await quarantine.held(database)


async def _reseal(settings: Settings) -> int:
    keyring = _keyring(settings)
    total = await _once(settings, "reseal", lambda database: resealing.reseal(database, keyring))
    if total is None:
        return 1
    sys.stdout.write(f"resealed {total.resealed}, not opened {total.broken}\n")
    return 1 if total.broken else 0


async def _seed(settings: Settings) -> int:
    if not settings.development:
        raise SettingError(variable("env"), "must be development: demo data is for a developer's machine")
    keyring = _keyring(settings)
    done = await _once(settings, "seed", lambda database: seeding.seed(database, keyring))
    if done is None:
        return 1
    sys.stdout.write(seeding.told(done))
    return 0


async def _once(
    settings: Settings, name: str, work: Callable[[Database], Awaitable[T]], *, of_any_schema: bool = False
) -> T | None:
    """What a command's work on the database comes to; None, and a line on stderr, if that does not answer."""
    log.configure(settings.log_level, process=name)
    database = Database(settings.database_url, name=f"noonmark-{name}", size=1, pooled=settings.pooled)
    try:
        if not of_any_schema:
            await _require_schema(database)
        return await work(database)
    except Exception as error:
        if not is_outage(error):
            raise
        sys.stderr.write("DATABASE_URL: the database does not answer\n")
        return None
    finally:
        await database.close()


async def _serve(settings: Settings, *, migrate: bool) -> int:
    """Open, serve until a signal, close; in this order everything can count on what came before it."""
    keyring, carrier = _keyring(settings), choose(settings)
    if migrate and (code := await _migrate(settings)):
        return code
    log.configure(settings.log_level, process="app")
    tracer = tracing.load(os.environ, process="app")
    database = Database(settings.database_url, name="noonmark-app", pooled=settings.pooled)
    try:
        await _require_schema(database)
        await require(open_storage(settings), settings)
        with (
            listen(settings.host, settings.port, setting="PORT") as listener,
            closing(await _hints(database, settings.without)) as hints,
        ):
            port = listener.getsockname()[1]
            address = f"http://{_shown(settings.host)}:{port}"
            public_url = (settings.public_url or address).rstrip("/")
            settings = msgspec.structs.replace(settings, port=port, public_url=public_url)
            streams, departure = Streams(), Departure()
            built = application.build(settings, database, keyring, hints, streams, tracer, departure)
            server = Server(
                built,
                leaving=streams.close,
                announce=departure.announce,
                notice_seconds=settings.leave_seconds,
            )
            loops = [hints.loop, *_loops(Post(database, keyring, carrier), database)]
            await _run(server, listener, loops, partial(_announce, database, address))
    finally:
        if tracer is not None:
            await asyncio.to_thread(tracer.close)
        await database.close()
    return 0


def _loops(post: Post, database: Database) -> list[Loop]:
    """What repeats beside the server, from its start to its end."""
    return [
        Loop(post.once, name="mail", interval=_MAIL_SECONDS),
    ]


async def _run(server: Server, listener: socket.socket, loops: list[Loop], announce: Announce) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, server.leave)
    repeating = [asyncio.create_task(loop.run(stop), name=loop.name) for loop in loops]
    announcing = asyncio.create_task(announce())
    settle_memory()
    await server.serve(sockets=[listener])
    stop.set()
    if repeating:
        await asyncio.wait(repeating, timeout=_LOOPS_GRACE_SECONDS)
    for task in (announcing, *repeating):
        task.cancel()
    await asyncio.gather(announcing, *repeating, return_exceptions=True)


async def _require_schema(database: Database) -> None:
    """SchemaError if the database answers and has another schema. One that does not answer may come later."""
    faults = await readiness.check(database)
    for fault in faults:
        if fault.code == "schema":
            raise SchemaError(f"the database's schema {fault.message}: run python -m app migrate")
        _log.warning("not_ready", check=fault.code, reason=fault.message)


async def _hints(database: Database, without: str) -> Hints:
    """Hints, if there is NOTIFY or the database does not answer: such as cannot be sent are forgotten."""
    try:
        async with asyncio.timeout(_FINDING_SECONDS):
            found = await capabilities.find(database, without)
    except Exception as error:
        if not is_outage(error):
            raise
        return Hints(database, notify=capabilities.allowed(without).notify)
    capabilities.say(found, without)
    return Hints(database, notify=found.notify)


async def _announce(database: Database, address: str) -> None:
    """Say on stdout that everything serves, once it does."""
    while True:
        faults = await readiness.check(database)
        if not faults:
            break
        await asyncio.sleep(_READY_POLL_SECONDS)
    sys.stdout.write(f"ready {address}\n")
    sys.stdout.flush()


def _shown(host: str) -> str:
    if host in ("0.0.0.0", "::", ""):  # noqa: S104
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
