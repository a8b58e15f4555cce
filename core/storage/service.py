"""Keeping files: in a folder, or in a bucket of an S3-compatible service.

- A file is seen whole or not at all: it gets its name once all of it is there, on disk.
- Nobody holds a file in memory: it comes and goes in pieces; an upload to a bucket holds two parts.
- A key is ours, never made of what a user wrote.
- A writer that is killed leaves no file but a remnant, which `sweep` removes from a folder; for a bucket
  that is the work of a lifecycle rule.

So that nothing is kept for good that nobody knows of: whoever keeps a file has noted its key before, and
forgets that only after `delete`.
"""

import asyncio
import os
import re
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from core import ids, log
from core.errors import SettingError, StorageAway
from core.settings import Settings, variable
from core.storage.address import Bucket, Folder, parse
from core.storage.faults import speaking
from core.storage.model import PIECE_BYTES, Stored, TooLarge
from core.storage.pieces import Counted, TooMuch, nothing

_KEY = re.compile(r"[a-z0-9-]+(/[a-z0-9-]+)*")
_REMNANT = re.compile(r".+#[0-9]+")

# A bucket takes at most 10,000 parts of a file.
_PART_BYTES = 8 * 1024 * 1024
_PARTS_AT_ONCE = 2

_log = log.get(__name__)


class Storage:
    """Keeps files under keys. Everything may raise StorageAway, `put` also StorageFull."""

    def __init__(self, place: Folder | Bucket) -> None:
        """Asks nothing of the place yet."""
        self._folder = place.path if isinstance(place, Folder) else None
        self._bucket = None if isinstance(place, Folder) else _s3(place)
        self._opened: LocalStore | None = None

    async def put(self, key: str, body: AsyncIterable[bytes], *, limit: int) -> Stored | TooLarge:
        """Keep what comes, in place of what was there. What `body` raises is raised; then nothing is kept."""
        counted = Counted(body, limit)
        try:
            with self._ready(key) as kept:
                await obstore.put_async(
                    kept,
                    key,
                    counted,
                    use_multipart=True,
                    chunk_size=_PART_BYTES,
                    max_concurrency=_PARTS_AT_ONCE,
                )
                await asyncio.to_thread(self._sync, key)
        except Exception as error:
            if isinstance(counted.failure, TooMuch):
                return TooLarge(limit)
            if counted.failure is not None:
                raise counted.failure from None
            if isinstance(error, FileNotFoundError):
                # The bucket.
                raise StorageAway(refused=True) from error
            raise
        return Stored(counted.size, counted.hash.digest())

    async def get(self, key: str, *, first: int = 0, count: int | None = None) -> AsyncIterator[bytes] | None:
        """The file, or `count` of its bytes from the `first` on, in pieces; None if there is none.

        The bytes asked for must be there.
        """
        if count == 0:
            return nothing() if await self.size(key) is not None else None
        try:
            with self._ready(key) as kept:
                stream = await _stream(kept, key, first, count)
        except FileNotFoundError:
            return None
        return self._pieces(stream)

    async def size(self, key: str) -> int | None:
        """How many bytes a file has; None if there is none."""
        try:
            with self._ready(key) as kept:
                return (await obstore.head_async(kept, key))["size"]
        except FileNotFoundError:
            return None

    async def delete(self, key: str) -> None:
        """Keep it no longer, if it is there."""
        with suppress(FileNotFoundError), self._ready(key) as kept:
            await obstore.delete_async(kept, key)

    async def check(self) -> None:
        """Keep a file, and remove it again."""
        key = f"check-{ids.new_text()}"
        await self.put(key, nothing(), limit=0)
        await self.delete(key)

    async def sweep(self, *, older_seconds: float) -> int:
        """Remove what writers that were killed left in a folder; how many."""
        if self._folder is None:
            return 0
        return await asyncio.to_thread(_sweep, self._folder, time.time() - older_seconds)

    @contextmanager
    def _ready(self, key: str) -> Iterator[LocalStore | S3Store]:
        if not _KEY.fullmatch(key):
            raise ValueError(f"no key of ours: {key!r}")
        with speaking(local=self._bucket is None):
            yield self._bucket or self._local()

    def _local(self) -> LocalStore:
        assert self._folder is not None
        # Files of all tenants: nobody else on this host may look, unless whoever made the folder lets them.
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._opened is None:
            self._opened = LocalStore(self._folder, automatic_cleanup=True)
        return self._opened

    async def _pieces(self, stream: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        with speaking(local=self._bucket is None):
            async for piece in stream:
                yield piece

    def _sync(self, key: str) -> None:
        """Have a file, and its name, on disk."""
        if self._folder is None:
            return
        path = self._folder / key
        for each in (path, path.parent):
            handle = os.open(each, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


async def _stream(
    kept: LocalStore | S3Store, key: str, first: int, count: int | None
) -> AsyncIterable[bytes]:
    if count is not None:
        found = await obstore.get_async(kept, key, options={"range": (first, first + count)})
    elif first:
        found = await obstore.get_async(kept, key, options={"range": {"offset": first}})
    else:
        # Of an empty file no range can be asked for.
        found = await obstore.get_async(kept, key)
    return found.stream(min_chunk_size=PIECE_BYTES)


def open_storage(settings: Settings) -> Storage:
    """The storage that the settings name. Raises SettingError."""
    if settings.storage_url is None:
        return Storage(Folder(Path(settings.data_dir).absolute() / "storage"))
    try:
        return Storage(parse(settings.storage_url))
    except ValueError as error:
        raise SettingError(variable("storage_url"), str(error)) from None
    except BaseError:
        # What it says may quote the environment.
        raise SettingError(variable("storage_url"), "does not fit what AWS_… variables say") from None


async def require(storage: Storage, settings: Settings) -> None:
    """SettingError if the storage that was asked for takes no files. One that is only away may come later."""
    if settings.storage_url is None:
        return
    try:
        await storage.check()
    except StorageAway as error:
        if error.refused:
            raise SettingError(
                variable("storage_url"), "what it names takes no files from this process"
            ) from error
        _log.warning("storage_away", reason=error.message)


def _s3(place: Bucket) -> S3Store:
    return S3Store(
        place.name,
        prefix=place.prefix,
        config={
            **({"endpoint": place.endpoint} if place.endpoint is not None else {}),
            **({"region": place.region} if place.region is not None else {}),
        },
        client_options={
            "allow_http": (place.endpoint or "").startswith("http://"),
            "connect_timeout": timedelta(seconds=5),
            "read_timeout": timedelta(seconds=30),
            # Of a whole answer: as long as a slow reader may take for a large file.
            "timeout": timedelta(hours=1),
        },
        retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=20)},
    )


def _sweep(folder: Path, before: float) -> int:
    swept = 0
    for parent, _, names in os.walk(folder):
        for name in filter(_REMNANT.fullmatch, names):
            path = os.path.join(parent, name)
            # Its writer may just be done with it.
            with suppress(FileNotFoundError):
                if os.stat(path, follow_symlinks=False).st_mtime < before:
                    os.unlink(path)
                    swept += 1
    return swept
