"""How much of the disk an attempt's folder takes, asked while foreign code may still write there.

What counts is what is allocated: a sparse file costs nothing. No symbolic link is followed and no file is
opened; what goes away in the meantime counts for nothing. A folder with very many entries is over any bound,
for asking about each would take longer than there is between two looks.
"""

import os
from contextlib import suppress
from pathlib import Path

MOST_ENTRIES = 100_000
_BLOCK = 512


def exceeded(folder: Path, most: int) -> bool:
    """Whether it holds more than so many bytes. Blocks: call it in a thread."""
    held = entries = 0
    waiting = [os.fspath(folder)]
    while waiting:
        with suppress(OSError), os.scandir(waiting.pop()) as inside:
            for entry in inside:
                entries += 1
                if entries > MOST_ENTRIES:
                    return True
                with suppress(OSError):
                    held += entry.stat(follow_symlinks=False).st_blocks * _BLOCK
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
            if held > most:
                return True
    return held > most
