"""Where the run's PostgreSQL has its files: in memory, if the system has a folder there with room.

Nothing of durability is switched off; flushing is free there. No test outlives a power cut anyway.
"""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local import lock
from local.refusal import Refusal

_MEMORY = Path("/dev/shm")
_NAME = "noonmark-tests-"
_ENOUGH_BYTES = 2 * 1024**3
_STARTED_SECONDS = 60.0


@contextmanager
def folder() -> Iterator[Path]:
    """One of our own, gone at the end."""
    with contextlib.suppress(OSError):
        _sweep()
    with tempfile.TemporaryDirectory(prefix=_NAME, dir=_MEMORY if _has_room() else None) as made:
        yield Path(made)


def _has_room() -> bool:
    try:
        return shutil.disk_usage(_MEMORY).free > _ENOUGH_BYTES and os.access(_MEMORY, os.W_OK)
    except OSError:
        return False


def _sweep() -> None:
    """Free what runs hold that were cut off; one that goes on holds its lock."""
    for file in _MEMORY.glob(f"{_NAME}*/lock"):
        if time.time() - file.stat().st_mtime > _STARTED_SECONDS:
            with contextlib.suppress(Refusal), lock.held(file.parent):
                shutil.rmtree(file.parent)
