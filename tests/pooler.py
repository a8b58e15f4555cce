"""A PgBouncer in transaction mode before the suite's PostgreSQL, as operators put one before the API.

It is made to be as unkind as it may: few sessions, another one for each transaction in turn, and no startup
parameter let through, so that whatever relies on a session fails here. It runs as PostgreSQL does: it refuses
root, too, and cannot outlive us.
"""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from local import child, identity
from tests.waiting import block_until

_START_SECONDS = 10.0
_CONFIGURATION = """\
[databases]
* = host={host} port={port}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = transaction
default_pool_size = 4
server_round_robin = 1
max_client_conn = 500
"""


class Pooler(msgspec.Struct, frozen=True):
    """One that serves."""

    port: int

    def before(self, dsn: str) -> str:
        """The DSN of the same database, through the pooler."""
        parts = urlsplit(dsn)
        who, _, _ = parts.netloc.rpartition("@")
        return parts._replace(netloc=f"{who}@127.0.0.1:{self.port}").geturl()


@contextmanager
def running(program: Path, server: str, folder: Path) -> Iterator[Pooler]:
    """For the length of a `with`, before all databases of the server with this DSN."""
    log = folder / "pgbouncer.log"
    chosen = identity.choose(folder / "pgbouncer", [str(program), "--version"])
    pooler = Pooler(_free_port())
    configuration = _configure(folder, server, pooler.port, chosen)
    line = child.command(
        [str(program), str(configuration)], on_parent_death=signal.SIGKILL, identity=chosen.how
    )
    with log.open("wb") as said:
        process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd="/")
    try:
        block_until(
            lambda: _listens(pooler.port) or process.poll() is not None,
            within=_START_SECONDS,
            what="PgBouncer serves",
        )
        assert process.poll() is None, log.read_text()
        yield pooler
    finally:
        process.terminate()
        process.wait()


def _configure(folder: Path, server: str, port: int, chosen: identity.Identity) -> Path:
    """Its file, and the one with the user's password, which is good for the server as well."""
    parts = urlsplit(server)
    users, configuration = folder / "users.txt", folder / "pgbouncer.ini"
    users.write_text(f'"{unquote(parts.username or "")}" "{unquote(parts.password or "")}"\n')
    configuration.write_text(
        _CONFIGURATION.format(host=parts.hostname, port=parts.port or 5432, listen=port, users=users)
    )
    for path in (folder, users, configuration):
        os.chown(path, *chosen.owner)
    return configuration


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
