"""What an attempt leaves in `out/result.json`, as far as it can be trusted.

The folder belonged to foreign code: no symbolic link is followed, nothing but a regular file is opened for
reading (a FIFO would wait for ever), and no more is read than a result may have. What is wrong with it is a
fault with a sentence for the user, never an exception.
"""

import os
import stat
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path

import msgspec

LARGEST = 1024 * 1024
"""Bytes."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class FaultCode(StrEnum):
    """What can be wrong with what an attempt left."""

    TOO_LARGE = "result_too_large"
    INVALID = "result_invalid"
    UNFIT = "result_unfit"
    """It does not fit the schema of its definition."""
    ARTIFACTS_LOST = "artifacts_lost"


class Fault(msgspec.Struct, frozen=True):
    """Why something that was left is not kept."""

    code: FaultCode
    message: str
    """A sentence for the user."""


def read(folder: Path) -> bytes | Fault | None:
    """The JSON that an attempt left in its folder, byte for byte; none if it left nothing."""
    with ExitStack() as opened:
        try:
            top = _open(opened, os.fspath(folder), _FOLDER)
            out = _open(opened, "out", _FOLDER, top)
            file = _open(opened, "result.json", _FILE, out)
        except FileNotFoundError:
            return None
        except OSError:
            return Fault(FaultCode.INVALID, "result.json cannot be opened; it must be a regular file.")
        return _content(file)


def _open(opened: ExitStack, path: str, flags: int, inside: int | None = None) -> int:
    descriptor = os.open(path, flags, dir_fd=inside)
    opened.callback(os.close, descriptor)
    return descriptor


def _content(file: int) -> bytes | Fault:
    about = os.fstat(file)
    if not stat.S_ISREG(about.st_mode):
        return Fault(FaultCode.INVALID, "result.json is not a regular file.")
    if about.st_size > LARGEST:
        return _too_large()
    with open(file, "rb", closefd=False) as reading:
        try:
            data = reading.read(LARGEST + 1)
        except OSError:
            return Fault(FaultCode.INVALID, "result.json cannot be read.")
    return _too_large() if len(data) > LARGEST else _checked(data)


def _too_large() -> Fault:
    return Fault(FaultCode.TOO_LARGE, f"result.json has more than {LARGEST} bytes.")


def _checked(data: bytes) -> bytes | Fault:
    try:
        msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Fault(FaultCode.INVALID, f"result.json is not valid JSON: {error}")
    except RecursionError:
        return Fault(FaultCode.INVALID, "result.json is nested too deeply.")
    return data
