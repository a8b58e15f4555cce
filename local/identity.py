"""As whom PostgreSQL runs. It refuses root, and initdb refuses a user that the system has no name for.

An ordinary user runs it as himself. Root shows it another uid inside a user namespace: files stay root's,
no folder's mode changes, and a closed parent of root's own stays passable. Where namespaces are refused, or
the data belongs to somebody else already, root becomes that other, existing user. No user is ever added.

Each way is tried with a harmless program before it is used.
"""

import os
import pwd
import signal
import subprocess
import sys
from pathlib import Path

import msgspec

from local import child
from local.refusal import Refusal

_PREFERRED = ("postgres", "nobody")


class Identity(msgspec.Struct, frozen=True):
    """As whom the programs run, and who must own the data for it."""

    how: str
    """What `child.py` takes: same, map:UID:GID, become:UID:GID."""
    owner: tuple[int, int]
    """uid and gid of the data, seen from outside."""


def choose(data: Path, probe: list[str]) -> Identity:
    """The first way in which `probe` runs. `data` need not exist; its parent must. Raises Refusal."""
    for candidate in _candidates(data):
        if _works(candidate, data.parent, probe):
            return candidate
    raise Refusal(
        "PostgreSQL does not run as this user, and neither a user namespace nor another user is allowed "
        "here: run as an ordinary user, or set DATABASE_URL"
    )


def _candidates(data: Path) -> list[Identity]:
    me = (os.geteuid(), os.getegid())
    if me[0] != 0 and _has_name(me[0]):
        return [Identity(how="same", owner=me)]
    somebody = _somebody()
    mapped = Identity(how="map:{}:{}".format(*somebody), owner=me)
    if me[0] != 0:
        return [mapped]
    owner = _owner(data)
    if owner[0] != 0:
        return [_becoming(owner)]
    return [mapped, _becoming(somebody)]


def _becoming(owner: tuple[int, int]) -> Identity:
    return Identity(how="become:{}:{}".format(*owner), owner=owner)


def _owner(data: Path) -> tuple[int, int]:
    if not data.exists():
        return (0, 0)
    status = data.stat()
    return (status.st_uid, status.st_gid)


def _somebody() -> tuple[int, int]:
    named = [entry for entry in pwd.getpwall() if entry.pw_uid != 0]
    named.sort(
        key=lambda entry: _PREFERRED.index(entry.pw_name) if entry.pw_name in _PREFERRED else len(_PREFERRED)
    )
    if not named:
        raise Refusal("PostgreSQL does not run as root, and this system has no other user: set DATABASE_URL")
    return (named[0].pw_uid, named[0].pw_gid)


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _works(candidate: Identity, folder: Path, probe: list[str]) -> bool:
    """Whether the probe runs and the folder can be entered: found out now, in our words, not by initdb."""
    enter = [sys.executable, "-I", "-S", "-c", "import os, sys; os.stat(sys.argv[1])", f"{folder}/."]
    for program in (probe, enter):
        line = child.command(program, on_parent_death=signal.SIGKILL, identity=candidate.how)
        if subprocess.run(line, capture_output=True, check=False).returncode != 0:
            return False
    return True
