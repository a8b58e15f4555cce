"""The words about files of jobs, and their limits.

A file is reserved, kept in the storage under a key made of ids alone, and only then seen. One that is to go
is marked first; the reaper removes it from the storage, and forgets it after that.
"""

from enum import StrEnum
from uuid import UUID

import msgspec

MOST_FILES = 100
"""That are kept of one attempt, or uploaded to one job."""
MOST_BYTES = 512 * 1024 * 1024
"""That are kept of one attempt."""
RESERVED_SECONDS = 3600
"""What was not kept and confirmed until then is removed."""

_SHOWN = 120


class Reason(StrEnum):
    """Why a file that an attempt left is not kept."""

    UNSAFE_NAME = "unsafe_name"
    NOT_A_FILE = "not_a_file"
    UNREADABLE = "unreadable"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"
    OVER_QUOTA = "over_quota"
    OUT_OF_TIME = "out_of_time"
    NOT_STORED = "not_stored"


class Lost(msgspec.Struct, frozen=True):
    """A file that an attempt left and that is not kept."""

    name: str
    """As far as it can be shown."""
    reason: Reason


class Wanted(msgspec.Struct, frozen=True):
    """A file that is to be kept. Field order is the statement's."""

    id: UUID
    name: str
    size: int
    content_type: str


class Kept(msgspec.Struct, frozen=True):
    """A file that the storage has. Field order is the statement's."""

    id: UUID
    sha256: bytes


def key(tenant: UUID, job: UUID, artifact: UUID) -> str:
    """Where the storage has it."""
    return f"{tenant}/{job}/{artifact}"


def lost(name: str, reason: Reason) -> Lost:
    """One whose name may be anything."""
    shown = name.encode(errors="backslashreplace").decode()
    return Lost("".join(each if each.isprintable() else "?" for each in shown)[:_SHOWN], reason)
