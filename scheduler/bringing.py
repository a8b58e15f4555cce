"""Bringing the file that came with a job into its attempt's folder, before its code starts.

The code gets a file and no way to the storage. What arrives is what was sent, to the byte, or the attempt
does not start: for good where the file is not kept any more or is another one, and to be tried again where
the storage is away or this host has no room.
"""

import asyncio
import errno
import hashlib
import hmac
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from core.artifacts.model import key
from core.errors import StorageAway
from core.jobs.targets import Input
from core.storage.service import Storage
from scheduler.runtimes.folder import INPUTS
from scheduler.runtimes.runtime import Ending, Exit

NAME = "input"
"""Under which code finds it."""
_GONE = Exit(how=Ending.NOT_STARTED, message="The file that came with the job is not kept any more.")
_OTHER = Exit(how=Ending.NOT_STARTED, message="The file that came with the job is not as it was sent.")
_AWAY = Exit(how=Ending.NODE_LOST, message="The storage of files does not answer.")
_FULL = Exit(how=Ending.NODE_LOST, message="There is no room here for the file that came with the job.")
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


async def bring(storage: Storage, wanted: Input, tenant: UUID, folder: Path) -> Exit | None:
    """Have it in the attempt's folder; or why not."""
    try:
        pieces = await storage.get(key(tenant, wanted.job, wanted.artifact))
        if pieces is None:
            return _GONE
        return None if await _write(pieces, wanted, folder / INPUTS) else _OTHER
    except StorageAway:
        return _AWAY
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        return _FULL


async def _write(pieces: AsyncIterator[bytes], wanted: Input, place: Path) -> bool:
    """Whether it is what was sent. Never more than that is written."""
    digest, left = hashlib.sha256(), wanted.size
    # Closing waits for a write that is under way in its thread.
    with _made(place) as file:
        async for piece in pieces:
            left -= len(piece)
            if left < 0:
                return False
            digest.update(piece)
            await asyncio.to_thread(file.write, piece)
    return left == 0 and hmac.compare_digest(digest.hexdigest(), wanted.sha256)


def _made(place: Path) -> BinaryIO:
    place.mkdir(mode=0o700)
    return (place / NAME).open("xb")
