"""The secrets of a development installation: made once, kept in its folder, readable by their owner alone.

They live as long as the data they protect, so that a second start can read what the first one encrypted and
signed. Whoever sets one in the environment has chosen it: then none is made. A production process never
reads this folder.
"""

import base64
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

_MADE: dict[str, Callable[[], str]] = {
    "NOONMARK_JWT_SECRET": lambda: secrets.token_hex(32),
    "NOONMARK_MASTER_KEYS": lambda: "local:" + base64.b64encode(secrets.token_bytes(32)).decode(),
    "NOONMARK_ADMIN_SECRET": lambda: secrets.token_hex(16),
}


def environment(folder: Path, given: Mapping[str, str]) -> dict[str, str]:
    """The variables that `given` leaves out, from `folder`, where they are made if missing."""
    return {name: _kept(folder / name, make) for name, make in _MADE.items() if not given.get(name)}


def _kept(path: Path, make: Callable[[], str]) -> str:
    """Written whole under another name first: a crash between must not leave half a secret."""
    if path.exists():
        return path.read_text()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    with open(new, "w", opener=lambda name, flags: os.open(name, flags | os.O_EXCL, 0o600)) as file:
        file.write(make())
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)
    return path.read_text()
