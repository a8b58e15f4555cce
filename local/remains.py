"""What a crash left in a cluster's folder, and what a log's end says about it.

A SIGKILL leaves `postmaster.pid` and a lock beside the socket. PostgreSQL trusts them when any live process
has that number, which in a container happens all the time, and then refuses to start for ever. We hold the
folder's lock and can look closer: only processes that work inside the folder are its servers. The files go
when there are none, never while there is one.
"""

import os
import time
from pathlib import Path

from local.refusal import Refusal

_LEAVING_SECONDS = 10.0


def clear(data: Path) -> None:
    """Wait for a former server that is leaving, then remove its pid files. Raises Refusal if one stays."""
    if not (data / "postmaster.pid").exists() or not Path("/proc/self/cwd").exists():
        return
    end = time.monotonic() + _LEAVING_SECONDS
    while pids := inside(data):
        if time.monotonic() > end:
            raise Refusal(
                f"a PostgreSQL that is not ours still serves {data} (process {pids[0]}): stop it first"
            )
        time.sleep(0.05)
    for left in (data / "postmaster.pid", *data.glob(".s.PGSQL.*")):
        left.unlink(missing_ok=True)


def inside(data: Path) -> list[int]:
    """The processes that work in `data`: a cluster's server and all its backends, lowest pid first."""
    processes = (entry for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return sorted(int(process.name) for process in processes if _works_in(process, data))


def tail(log: Path, *, since: int = 0, lines: int = 15) -> str:
    """The last lines of what was written from the byte `since` on."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(since, log.stat().st_size - 16_384))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])


def _works_in(process: Path, data: Path) -> bool:
    try:
        return (
            os.path.samefile(process / "cwd", data) and (process / "comm").read_text().strip() == "postgres"
        )
    except OSError:
        return False
