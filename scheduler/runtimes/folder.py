"""An attempt's own folder: `<root>/<job id>-<attempt>-<lease token>`, with `params.json` and `out/`.

Whoever made it holds a lock on it, which the kernel lets go of when that process dies, however it dies. So a
folder whose lock is free belongs to nobody: its scheduler is gone, and the folder's name says whose work is
left behind. Taking that lock is the only way to sweep a folder, so that two sweepers never meet in one.
"""

import fcntl
import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from msgspec import Struct

from scheduler.runtimes import removal

INPUTS = "in"
"""Where files that came with the job are put, for orders that have any."""

_UUID = 36
# Anyone may pass through the root, to a folder of their own; nobody but us may look around.
_ROOT_MODE = 0o711


class Name(Struct, frozen=True):
    """What a folder's name says."""

    job_id: UUID
    attempt: int
    lease_token: UUID

    def __str__(self) -> str:
        return f"{self.job_id}-{self.attempt}-{self.lease_token}"


class Folder:
    """A folder that is ours: locked until it is removed or released."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    def remove(self) -> bool:
        """Remove it with all that was left there; whether it is gone. Blocks: call it in a thread."""
        try:
            within = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            self.release()
            return True
        try:
            return removal.remove(self.path.name, within)
        finally:
            os.close(within)
            self.release()

    def release(self) -> None:
        """Let go of it as it is."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def make(root: Path, name: Name, params: bytes, *, owner: tuple[int, int] | None = None) -> Folder:
    """Make an attempt's folder; `owner` is who its code runs as (uid, gid), if not we.

    Raises FileExistsError if there is one by this name: no lease has two attempts.
    """
    _root(root)
    path = root / str(name)
    while True:
        path.mkdir(mode=0o700)
        made = _lock(path, fcntl.LOCK_EX)
        if made is not None:
            break
    try:
        _fill(path, params, owner)
    except BaseException:
        made.remove()
        raise
    return made


def _root(root: Path) -> None:
    if root.is_dir():
        return
    root.mkdir(parents=True, exist_ok=True)
    root.chmod(_ROOT_MODE)


def _fill(path: Path, params: bytes, owner: tuple[int, int] | None) -> None:
    (path / "out").mkdir(mode=0o700)
    file = os.open(path / "params.json", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
    with open(file, "wb") as writing:
        writing.write(params)
        os.fchmod(file, 0o444)
    if owner is not None:
        os.chown(path / "out", *owner)
        # Last, for from here on others may write there.
        os.chown(path, *owner)


def parse(name: str) -> Name | None:
    """What a folder's name says; none if it is no attempt's."""
    job, token = name[:_UUID], name[-_UUID:]
    attempt = name[_UUID + 1 : -_UUID - 1]
    if not (attempt.isascii() and attempt.isdecimal()):
        return None
    try:
        parsed = Name(UUID(job), int(attempt), UUID(token))
    except ValueError:
        return None
    return parsed if str(parsed) == name else None


def abandoned(root: Path, held: Collection[UUID]) -> Iterator[tuple[Name, Folder]]:
    """The folders below `root` that nobody alive works in, each locked: remove or release it.

    Those of the lease tokens `held` are left alone.
    """
    with suppress(FileNotFoundError):
        for entry in sorted(os.listdir(root)):
            name = parse(entry)
            if name is None or name.lease_token in held:
                continue
            taken = _lock(root / entry, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if taken is not None:
                yield name, taken


def _lock(path: Path, how: int) -> Folder | None:
    """The folder, if it could be locked and is still the one by this name."""
    try:
        lock = _opened(path)
    except FileNotFoundError:
        return None
    except OSError:
        # Its code has put a link or a file in its place; the lock went with the folder.
        return Folder(path, -1)
    with suppress(OSError):
        fcntl.flock(lock, how)
        if os.path.samestat(os.fstat(lock), os.stat(path, follow_symlinks=False)):
            return Folder(path, lock)
    os.close(lock)
    return None


def _opened(path: Path) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(path, flags)
    except PermissionError:
        removal.open_up(os.fspath(path))
        return os.open(path, flags)
