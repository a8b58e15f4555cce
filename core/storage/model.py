"""What is told of a file that is kept."""

import msgspec

PIECE_BYTES = 256 * 1024
"""About what is held of a file at one time by whoever passes it on."""


class Stored(msgspec.Struct, frozen=True):
    """A file is kept, whole."""

    size: int
    """Bytes."""
    sha256: bytes


class TooLarge(msgspec.Struct, frozen=True):
    """A file had more bytes than it may; nothing of it is kept."""

    limit: int
