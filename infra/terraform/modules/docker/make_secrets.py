"""Writes what the processes need and nobody should see, once; runs in a container of the server's image.

What is there is kept, so it may run any number of times: another master key would close what the first has
sealed. What the operator gives (``given``, which comes anew each time) wins over both.
"""

import base64
import os
import secrets
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

MAKERS: dict[str, Callable[[], str]] = {
    "POSTGRES_PASSWORD": lambda: secrets.token_urlsafe(32),
    "NOONMARK_JWT_SECRET": lambda: secrets.token_urlsafe(48),
    "NOONMARK_MASTER_KEYS": lambda: "k1:" + base64.b64encode(secrets.token_bytes(32)).decode(),
    "NOONMARK_ADMIN_SECRET": lambda: secrets.token_urlsafe(48),
}


def read(path: Path) -> dict[str, str]:
    """NAME=value lines; the values may be quoted as a shell would."""
    if not path.exists():
        return {}
    lines = [line.strip() for line in path.read_text().splitlines()]
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {name: "".join(shlex.split(value)) for name, _, value in pairs}


def write(path: Path, text: str) -> None:
    """All or nothing: a reader never meets half a file."""
    new = path.with_name(f".{path.name}")
    new.write_text(text)
    new.chmod(0o444)
    os.replace(new, path)


def main(folder: Path) -> None:
    given, kept = read(folder / "given"), read(folder / "kept")
    kept = {name: given.get(name) or kept.get(name) or make() for name, make in MAKERS.items()}
    write(folder / "kept", "".join(f"{name}={shlex.quote(value)}\n" for name, value in kept.items()))
    password = kept["POSTGRES_PASSWORD"]
    environment = (
        {"DATABASE_URL": f"postgresql://noonmark:{quote(password, safe='')}@postgres:5432/noonmark"}
        | kept
        | given
    )
    del environment["POSTGRES_PASSWORD"]
    write(
        folder / "environment",
        "".join(f"{name}={shlex.quote(value)}\n" for name, value in environment.items()),
    )
    write(folder / "postgres-password", password)
    (folder / "given").unlink(missing_ok=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
