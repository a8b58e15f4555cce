"""How much of the disk an attempt's folder takes, asked while foreign code may still write there.

What counts is what is allocated: a sparse file costs nothing. No symbolic link is followed and no file is
opened; what goes away in the meantime counts for nothing. A folder with very many entries is over any bound,
for asking about each would take longer than there is between two looks.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MOST_ENTRIES = 100_000
_BLOCK = 512
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def exceeded(folder: Path, most: int) -> bool:
    """Whether it holds more than so many bytes. Blocks: call it in a thread."""
    held = entries = 0
    waiting = [os.fspath(folder)]
    while waiting:
        place = waiting.pop()
        for name, size, is_folder in _inside(place):
            entries += 1
            held += size
            if held > most or entries > MOST_ENTRIES:
                return True
            if is_folder:
                waiting.append(os.path.join(place, name))
    return False


def _inside(place: str) -> Iterator[tuple[str, int, bool]]:
    """The name and size of each entry, and whether it is a folder."""
    with suppress(OSError), _opened(place) as folder, os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                size = entry.stat(follow_symlinks=False).st_blocks * _BLOCK
                yield entry.name, size, entry.is_dir(follow_symlinks=False)


@contextmanager
def _opened(place: str) -> Iterator[int]:
    folder = os.open(place, _FOLDER)
    try:
        yield folder
    finally:
        os.close(folder)
