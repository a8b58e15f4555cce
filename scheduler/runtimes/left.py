"""What files an attempt leaves in `out/`, as far as they can be trusted.

The folder belonged to foreign code: no symbolic link is followed, nothing but a regular file is opened (a
FIFO would wait for ever), no name is taken over unchecked, and of endless entries only the first are looked
at. `result.json` is no such file; folders are none either.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import msgspec

from core.artifacts import names
from core.artifacts.model import MOST_BYTES, MOST_FILES, Lost, Reason, lost

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_RESULT = "result.json"
_LOOKED_AT = 10 * MOST_FILES


class Left(msgspec.Struct, frozen=True):
    """A file that may be kept."""

    entry: str
    """Its name in the folder."""
    name: str
    """The name it is kept by."""
    size: int


class Found(msgspec.Struct, frozen=True):
    """All that was found."""

    files: list[Left]
    lost: list[Lost]


def look(folder: Path, *, largest: int) -> Found:
    """The files in the order of their names; none may have more bytes than `largest`. Blocks."""
    try:
        with _inside(folder) as out, os.scandir(out) as entries:
            some = sorted(islice(entries, _LOOKED_AT + 1), key=lambda entry: entry.name)
            judged = [(entry, _judged(entry, largest)) for entry in some if entry.name != _RESULT]
    except FileNotFoundError:
        return Found([], [])
    except OSError:
        return Found([], [Lost("*", Reason.UNREADABLE)])
    files: dict[str, Left] = {}
    gone = [lost(entry.name, one) for entry, one in judged if isinstance(one, Reason)]
    left = MOST_BYTES
    for one in (one for _, one in judged if isinstance(one, Left)):
        reason = _refused(one, files, left)
        if reason is None:
            files[one.name] = one
            left -= one.size
        else:
            gone.append(lost(one.entry, reason))
    return Found(list(files.values()), gone)


def _judged(entry: os.DirEntry[str], largest: int) -> Left | Reason:
    about = entry.stat(follow_symlinks=False)
    if not stat.S_ISREG(about.st_mode):
        return Reason.NOT_A_FILE
    name = names.normal(entry.name)
    if name is None:
        return Reason.UNSAFE_NAME
    if about.st_size > largest:
        return Reason.TOO_LARGE
    return Left(entry.name, name, about.st_size)


def _refused(one: Left, files: dict[str, Left], left: int) -> Reason | None:
    """What holds for all of them together."""
    if one.name in files:
        return Reason.UNSAFE_NAME
    return Reason.TOO_MANY if len(files) == MOST_FILES or one.size > left else None


@contextmanager
def opened(folder: Path, entry: str) -> Iterator[BinaryIO]:
    """One of the files. OSError if it is none any more."""
    with _inside(folder) as out:
        file = os.open(entry, _FILE, dir_fd=out)
        with open(file, "rb") as reading:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise OSError("not a regular file")
            yield reading


@contextmanager
def _inside(folder: Path) -> Iterator[int]:
    with ExitStack() as held:
        top = os.open(folder, _FOLDER)
        held.callback(os.close, top)
        out = os.open("out", _FOLDER, dir_fd=top)
        held.callback(os.close, out)
        yield out
