"""Removes a folder that foreign code has filled, whatever it has left there.

- No symbolic link is followed, and no other mount is entered: both are removed or left, never looked into.
- Folders without permissions are opened up first.
- Depth does not matter: inner folders are lifted to the top, so that two levels are all there ever are,
  and neither recursion nor the length of a path nor the number of open files can run out.

It is for folders nobody works in any more.
"""

import os
import secrets
from collections.abc import Callable
from itertools import islice

_ENTER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_AT_ONCE = 1000


def remove(name: str, within: int) -> bool:
    """Remove the entry `name` of the open folder `within`; whether it is gone."""
    try:
        top = _enter(name, within)
    except FileNotFoundError:
        return True
    except OSError:
        return _done(lambda: os.unlink(name, dir_fd=within))
    try:
        _Removal(top).run()
    finally:
        os.close(top)
    return _done(lambda: os.rmdir(name, dir_fd=within))


class _Removal:
    def __init__(self, top: int) -> None:
        self._top = top
        self._mount = _mount(top)
        self._prefix = f".{secrets.token_hex(8)}-"
        self._lifted = 0

    def run(self) -> None:
        """Empty the folder as far as it goes; a pass that removes nothing is the last one."""
        self._repeat(self._top, self._drop)

    def _drop(self, entry: os.DirEntry[str]) -> bool:
        if not entry.is_dir(follow_symlinks=False):
            return _done(lambda: os.unlink(entry.name, dir_fd=self._top))
        try:
            inner = _enter(entry.name, self._top)
        except OSError:
            return False
        try:
            if _mount(inner) != self._mount:
                return False
            self._repeat(inner, lambda each: self._take_out(each, inner))
        finally:
            os.close(inner)
        return _done(lambda: os.rmdir(entry.name, dir_fd=self._top))

    def _take_out(self, entry: os.DirEntry[str], inner: int) -> bool:
        if not entry.is_dir(follow_symlinks=False):
            return _done(lambda: os.unlink(entry.name, dir_fd=inner))
        self._lifted += 1
        lifted = f"{self._prefix}{self._lifted}"
        if _done(lambda: os.rename(entry.name, lifted, src_dir_fd=inner, dst_dir_fd=self._top)):
            return True
        # Only its owner may lift a folder, and only one that is open to them.
        try:
            os.close(_enter(entry.name, inner, closed=True))
        except OSError:
            return False
        return _done(lambda: os.rename(entry.name, lifted, src_dir_fd=inner, dst_dir_fd=self._top))

    @staticmethod
    def _repeat(folder: int, act: Callable[[os.DirEntry[str]], bool]) -> None:
        while True:
            with os.scandir(folder) as entries:
                some = list(islice(entries, _AT_ONCE))
            if not sum(map(act, some)):
                return


def _enter(name: str, within: int, *, closed: bool = False) -> int:
    """Open a folder, with all permissions for its owner."""
    try:
        if closed:
            raise PermissionError
        folder = os.open(name, _ENTER, dir_fd=within)
    except PermissionError:
        open_up(name, within)
        folder = os.open(name, _ENTER, dir_fd=within)
    if os.fstat(folder).st_mode & 0o700 != 0o700:
        _done(lambda: os.fchmod(folder, 0o700))
    return folder


def open_up(name: str, within: int | None = None) -> None:
    """Give a closed folder all permissions for its owner."""
    handle = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=within)
    try:
        # The only way to change what is open as a mere path, and so surely not what a link names.
        os.chmod(f"/proc/self/fd/{handle}", 0o700)
    finally:
        os.close(handle)


def _mount(folder: int) -> str:
    """Which mount an open folder is in; a bind mount of the same device is another one."""
    try:
        with open(f"/proc/self/fdinfo/{folder}") as lines:
            return next(line for line in lines if line.startswith("mnt_id:"))
    except FileNotFoundError:
        # Not Linux.
        return str(os.fstat(folder).st_dev)


def _done(act: Callable[[], None]) -> bool:
    try:
        act()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
