"""`make migration name=…`: the difference between the migrations and the tables, on a database of its own.

The database is new and thrown away afterwards, so neither the data of a running installation nor what is half
done in it can leak into a migration. Migrations are numbered, and the number is the revision.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from local import postgres
from local.refusal import Refusal

_TREE = Path(__file__).resolve().parent.parent
_DIGITS = 4


def write(name: str) -> int:
    """The exit status of Alembic's. Raises Refusal."""
    if not name.isidentifier():
        raise Refusal(f"a migration's name is its file's: letters, digits and underscores, not {name!r}")
    revision = following(path.name for path in (_TREE / "migrations" / "versions").glob("*.py"))
    with tempfile.TemporaryDirectory() as folder, postgres.running(Path(folder)) as server:
        upgraded = _alembic(server.dsn, "upgrade", "head")
        return upgraded or _alembic(
            server.dsn, "revision", "--autogenerate", "--rev-id", revision, "-m", name
        )


def following(files: Iterable[str]) -> str:
    """The number after the highest that a file's name starts with."""
    numbers = [int(file[:_DIGITS]) for file in files if file[:_DIGITS].isdecimal()]
    return f"{max(numbers, default=0) + 1:0{_DIGITS}}"


def _alembic(database: str, *arguments: str) -> int:
    line = [sys.executable, "-m", "alembic", *arguments]
    return subprocess.run(
        line, cwd=_TREE, env={**os.environ, "DATABASE_URL": database}, check=False
    ).returncode
