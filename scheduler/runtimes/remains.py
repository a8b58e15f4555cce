"""What is left of attempts on this host when all that watched over them was killed: found by marks, ended.

A scheduler that dies takes its processes with it; this is for what escapes even that: somebody killed or
stopped a supervisor and the launcher too. Every process of an attempt carries the folder's name, which holds
a random lease token, in `NOONMARK_OUTPUT_DIR`, and begins in that folder. One that has got rid of both, and
whose supervisor *and* launcher are dead, cannot be told from a stranger, and is left alone.
"""

import os
import signal
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from scheduler.runtimes import folder

_VARIABLE = b"NOONMARK_OUTPUT_DIR="
_AGAIN_SECONDS = 0.02
_ROUNDS = 250


def sweep(root: Path, held: Collection[UUID]) -> int:
    """End and remove what is abandoned below `root`; how many attempts. Blocks: call it in a thread."""
    swept = 0
    for name, taken in folder.abandoned(root, held):
        if end(str(name)):
            swept += taken.remove()
        else:
            taken.release()
    return swept


def end(name: str) -> bool:
    """Kill what carries this folder's name; whether all of it is gone. Blocks."""
    for _ in range(_ROUNDS):
        marked = list(_marked(name))
        if not marked:
            return True
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in marked:
                with suppress(OSError):
                    _send(pid, name, number)
        time.sleep(_AGAIN_SECONDS)
    return False


def _marked(name: str) -> Iterator[int]:
    me = os.getpid()
    for entry in os.listdir("/proc"):
        if entry.isdecimal() and int(entry) != me and _is_marked(int(entry), name):
            yield int(entry)


def _send(pid: int, name: str, number: signal.Signals) -> None:
    """Through a descriptor, so that it cannot hit a stranger who has got the pid since."""
    held = os.pidfd_open(pid)
    try:
        if _is_marked(pid, name):
            signal.pidfd_send_signal(held, number)
    finally:
        os.close(held)


def _is_marked(pid: int, name: str) -> bool:
    mark = os.fsencode(name)
    try:
        return mark in _output_dir(pid).split(b"/") or (_begins_in(pid, mark) and not _at_a_terminal(pid))
    except OSError:
        # Gone meanwhile, a zombie, or somebody else's.
        return False


def _output_dir(pid: int) -> bytes:
    with open(f"/proc/{pid}/environ", "rb") as variables:
        for variable in variables.read().split(b"\0"):
            if variable.startswith(_VARIABLE):
                return variable
    return b""


def _begins_in(pid: int, mark: bytes) -> bool:
    return mark in os.readlink(os.fsencode(f"/proc/{pid}/cwd")).split(b"/")


def _at_a_terminal(pid: int) -> bool:
    """Somebody who looks around in the folder, and not a program of a job."""
    with open(f"/proc/{pid}/stat", "rb") as about:
        return int(about.read().rpartition(b")")[2].split()[4]) != 0
