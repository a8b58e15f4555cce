"""`make migration name=…`: the difference between the migrations and the tables, on a database of its own.

The database is new and thrown away afterwards, so neither the data of a running installation nor what is
half done in it can leak into a migration.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from local import postgres
from local.refusal import Refusal


def write(name: str) -> int:
    """The exit status of Alembic's."""
    if not name.isidentifier():
        raise Refusal(f"a migration's name is its file's: letters, digits and underscores, not {name!r}")
    with tempfile.TemporaryDirectory() as folder, postgres.running(Path(folder)) as server:
        upgraded = _alembic(server.dsn, "upgrade", "head")
        return upgraded or _alembic(server.dsn, "revision", "--autogenerate", "-m", name)


def _alembic(database: str, *arguments: str) -> int:
    environment = {**os.environ, "DATABASE_URL": database}
    return subprocess.run(
        [sys.executable, "-m", "alembic", *arguments], env=environment, check=False
    ).returncode
