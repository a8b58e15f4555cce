"""One `make up` per data folder.

The lock is the kernel's, on an open file: it goes with the process however that ends, so there is never a
stale one. Children do not inherit it.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.refusal import Refusal


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the folder, made (for its owner alone) if missing. Raises Refusal when somebody has it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = (folder / "lock").open("a")
    except OSError as error:
        raise Refusal(f"the data folder {folder} cannot be used: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refusal(
                f"another Noonmark is running on {folder}: stop it, or set NOONMARK_DATA_DIR"
            ) from None
        yield
