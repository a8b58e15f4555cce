"""Files in pieces: on their way in, counted and hashed; and out of an open file."""

import asyncio
import hashlib
import io
from collections.abc import AsyncIterable
from typing import BinaryIO

from core.storage.model import PIECE_BYTES


class TooMuch(Exception):
    """More came than may be kept."""


class Counted:
    """What is to be kept, counted, hashed, and cut off with TooMuch where it is more than `limit` bytes."""

    def __init__(self, body: AsyncIterable[bytes], limit: int) -> None:
        self._body = aiter(body)
        self._limit = limit
        self.hash = hashlib.sha256()
        self.size = 0
        self.failure: BaseException | None = None
        """What ended it before its end."""

    def __aiter__(self) -> "Counted":
        return self

    async def __anext__(self) -> bytes:
        try:
            return self._taken(await anext(self._body))
        except StopAsyncIteration:
            raise
        except BaseException as error:
            self.failure = error
            raise

    def _taken(self, piece: bytes) -> bytes:
        self.size += len(piece)
        if self.size > self._limit:
            raise TooMuch
        self.hash.update(piece)
        return piece


class FilePieces:
    """What is left of an open file. Reading does not hold up the loop."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def __aiter__(self) -> "FilePieces":
        return self

    async def __anext__(self) -> bytes:
        piece = await asyncio.to_thread(self._file.read, PIECE_BYTES)
        if not piece:
            raise StopAsyncIteration
        return piece


def nothing() -> FilePieces:
    """An empty file."""
    return FilePieces(io.BytesIO())
