"""Keeping the files that an attempt left, between the end of its code and its settlement.

    look ──► reserve (fenced) ──► storage, one after the other ──► seen (fenced), and what is lost told

An attempt's end is what its code made it: whatever goes wrong here costs the job its files and nothing else,
and is told by an event. It takes no longer than it is given, and holds no transaction while it stores.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import msgspec

from core import ids, log, metrics
from core.artifacts import names
from core.artifacts import store as artifacts
from core.artifacts.model import Kept, Lost, Reason, Wanted, key, lost
from core.artifacts.store import Attempt
from core.db import Database, Raw, is_transient
from core.errors import StorageAway
from core.jobs.model import Lease
from core.storage.model import Stored
from core.storage.pieces import FilePieces
from core.storage.service import Storage
from scheduler.runtimes import left
from scheduler.runtimes.left import Left

T = TypeVar("T")

_AT_ONCE = 4
_AGAIN_SECONDS = 0.5
_LONGEST_SECONDS = 600.0
# Of what is left until the deadline: to enter what was stored.
_ENTER_SECONDS = 3.0
_TOLD = 50

_log = log.get(__name__)


class Keeper:
    """Keeps what attempts leave; of a few attempts at one time."""

    def __init__(self, database: Database, storage: Storage, *, largest: int, quota: int) -> None:
        """``largest`` is the bytes of one file, ``quota`` of all files of a tenant."""
        self._database = database
        self._storage = storage
        self._largest = largest
        self._quota = quota
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def keep(
        self, lease: Lease, folder: Path, *, seconds: float, largest: int | None = None
    ) -> Sequence[Lost]:
        """Keep what lies in the attempt's folder; what is lost. Raises nothing but a cancel."""
        try:
            found = await asyncio.to_thread(left.look, folder, largest=largest or self._largest)
            if not (found.files or found.lost):
                return ()
            end = asyncio.get_running_loop().time() + min(seconds, _LONGEST_SECONDS)
            gone = await _Keeping(self._database, self._storage, lease, folder, end).all(
                found, quota=self._quota, turns=self._turns
            )
        except TimeoutError:
            gone = [Lost("*", Reason.OUT_OF_TIME)]
        except Exception as error:
            _log.error(
                "keeping_broke", job_id=str(lease.job_id), attempt=lease.attempt, error=repr(error),
                exc_info=not is_transient(error),
            )  # fmt: skip
            gone = [Lost("*", Reason.NOT_STORED)]
        for one in gone:
            metrics.artifacts_lost.labels(one.reason).inc()
        return gone


class _Keeping:
    """Of one attempt, until `end` by the loop's clock."""

    def __init__(self, database: Database, storage: Storage, lease: Lease, folder: Path, end: float) -> None:
        self._database = database
        self._storage = storage
        self._lease = lease
        self._attempt = Attempt(lease.job_id, lease.attempt, lease.lease_token)
        self._folder = folder
        self._end = end
        self._away = False

    async def all(self, found: left.Found, *, quota: int, turns: asyncio.Semaphore) -> list[Lost]:
        """What is lost of it."""
        gone, kept, dropped = list(found.lost), [], []
        entries = {_wanted(file): file for file in found.files}
        reserved = await self._reserve(list(entries), quota)
        if reserved is None:
            return []
        gone += [lost(one.name, Reason.OVER_QUOTA) for one in entries if one not in reserved]
        for one in reserved:
            outcome = await self._stored(one, entries[one], turns)
            if isinstance(outcome, Kept):
                kept.append(outcome)
            else:
                dropped.append(one.id)
                gone.append(lost(one.name, outcome))
        return gone if await self._enter(kept, dropped, gone) else []

    async def _reserve(self, wanted: Sequence[Wanted], quota: int) -> list[Wanted] | None:
        async def reserve(db: Raw) -> list[Wanted] | None:
            return await artifacts.reserve(db, self._attempt, wanted, quota=quota)

        return await self._ask(reserve) if wanted else []

    async def _enter(self, kept: list[Kept], dropped: list[UUID], gone: list[Lost]) -> bool:
        told = msgspec.json.encode({"files": gone[:_TOLD], "count": len(gone)}) if gone else None

        async def enter(db: Raw) -> bool:
            return await artifacts.keep(db, self._attempt, kept, dropped=dropped, lost=told)

        held = await self._ask(enter)
        if held:
            metrics.artifacts_kept.inc(len(kept))
        return held

    async def _stored(self, wanted: Wanted, file: Left, turns: asyncio.Semaphore) -> Kept | Reason:
        if self._away:
            return Reason.NOT_STORED
        try:
            async with asyncio.timeout_at(self._end - _ENTER_SECONDS), turns:
                return await self._put(wanted, file)
        except TimeoutError:
            return Reason.OUT_OF_TIME
        except StorageAway:
            # So the others need not wait for it too.
            self._away = True
            return Reason.NOT_STORED
        except OSError:
            return Reason.UNREADABLE

    async def _put(self, wanted: Wanted, file: Left) -> Kept | Reason:
        place = key(self._lease.tenant_id, self._lease.job_id, wanted.id)
        with left.opened(self._folder, file.entry) as reading:
            stored = await self._storage.put(place, FilePieces(reading), limit=wanted.size)
        if isinstance(stored, Stored) and stored.size == wanted.size:
            return Kept(wanted.id, stored.sha256)
        return Reason.UNREADABLE

    async def _ask(self, question: Callable[[Raw], Awaitable[T]]) -> T:
        """The database's answer, as soon as it has one; what it raises once there is no time."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with asyncio.timeout_at(self._end), self._database.raw() as db:
                    return await question(db)
            except Exception as error:
                if not is_transient(error) or loop.time() + _AGAIN_SECONDS > self._end:
                    raise
            await asyncio.sleep(_AGAIN_SECONDS)


def _wanted(file: Left) -> Wanted:
    return Wanted(ids.new(), file.name, file.size, names.content_type(file.name))
