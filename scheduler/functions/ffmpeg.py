"""Running FFmpeg's programs: found, confined, listened to, and gone when nobody waits for them any more.

What they read belongs to strangers. They open files alone, of kinds that name no other file; they have no
input, and their memory and what they may write have an end. Files are named relative to where they run, so
that no path of the host is in what they say.
"""

import asyncio
import os
import resource
import shutil
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from core.artifacts.model import MOST_BYTES
from noonmark.functions import PermanentFailure

CONFINED = (
    *("-protocol_whitelist", "file"),
    # What videos come packed in. Playlists and scripts, by which one file has others read, are not among it.
    *("-format_whitelist", "mov,matroska,webm,avi,mpegts,mpeg,flv,ogg,asf"),
)
"""Stands before an input."""
LARGEST_FILE = MOST_BYTES
"""Of what they write: no more is kept of an attempt."""
_MOST_MEMORY = 4 * 1024 * 1024 * 1024
_KEPT_WORDS = 300
_PIECE = 4096


class Run:
    """A program that was started."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._words = asyncio.ensure_future(_last_words(process))

    async def lines(self) -> AsyncIterator[str]:
        """What it says on standard output, as it comes."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            yield line.decode(errors="replace").strip()

    async def end(self) -> tuple[int, str]:
        """Its exit code, and the last it said on standard error."""
        words = await self._words
        return await self._process.wait(), words

    async def close(self) -> None:
        """Whatever it is doing."""
        if self._process.returncode is None:
            self._process.kill()
        await asyncio.shield(self._process.wait())
        self._words.cancel()


@asynccontextmanager
async def running(name: str, arguments: Sequence[str], *, within: Path) -> AsyncIterator[Run]:
    """The program `name`, started in a folder, and gone at the end of the block.

    PermanentFailure where it is not installed.
    """
    found = shutil.which(name)
    if found is None:
        raise PermanentFailure(
            f"nothing was started: there is no program {name} where this scheduler runs. "
            "Its operator has to install FFmpeg; replay the job then"
        )
    _bound_this_process()
    process = await asyncio.create_subprocess_exec(
        found, *arguments, cwd=within, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env={"PATH": os.defpath}
    )
    run = Run(process)
    try:
        yield run
    finally:
        await run.close()


def named(path: Path, *, within: Path) -> str:
    """A file as a program that runs there is to open it: nothing in its name is read as anything else."""
    return f"file:{os.path.relpath(path, within)}"


def _bound_this_process() -> None:
    """And so what it starts. An attempt's process is its own, and ends with it."""
    for kind, most in ((resource.RLIMIT_FSIZE, LARGEST_FILE), (resource.RLIMIT_DATA, _MOST_MEMORY)):
        _, hard = resource.getrlimit(kind)
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (allowed, hard))


async def _last_words(process: Process) -> str:
    """All of it is also the attempt's own standard error."""
    assert process.stderr is not None
    kept = ""
    while piece := await process.stderr.read(_PIECE):
        text = piece.decode(errors="replace")
        sys.stderr.write(text)
        kept = (kept + text)[-_PIECE:]
    return kept.strip().rpartition("\n")[2][-_KEPT_WORDS:]
