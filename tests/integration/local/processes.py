"""Processes that are not ours to wait for: whether they go, and programs that stand for the servers."""

import os
import select
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def gone(pids: list[int], *, within: float) -> bool:
    """Whether all of them end in time; the kernel says when, so nothing is polled."""
    end = time.monotonic() + within
    return all(_gone(pid, end) for pid in pids)


def tree_of(pid: int) -> list[int]:
    """The process and all that descend from it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in tree_of(int(child)))]


def python(script: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """A script on our code, its output to be read here."""
    return subprocess.Popen(
        [sys.executable, str(script), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **environment},
    )


def _gone(pid: int, end: float) -> bool:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        ready, _, _ = select.select([handle], [], [], max(0.0, end - time.monotonic()))
        return bool(ready)
    finally:
        os.close(handle)
