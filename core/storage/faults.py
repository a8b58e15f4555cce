"""What goes wrong with a storage, in our words.

The library tells a system's error by its text alone. That text may hold addresses and answers of the
storage: it is for the log, and never for a user.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

from core import log
from core.errors import StorageAway, StorageFull

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# The last is what services of the S3 kind answer.
_FULL_TEXTS = ("StorageFull", "QuotaExceeded", "os error 28)", "os error 122)", "InsufficientStorage")
_REFUSED = (PermissionDeniedError, UnauthenticatedError)
_SHOWN = 300

_log = log.get(__name__)


@contextmanager
def speaking(*, local: bool) -> Iterator[None]:
    """Raises StorageAway or StorageFull instead; a missing file stays a FileNotFoundError."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (BaseError, OSError) as error:
        _log.warning("storage_failed", error=str(error)[:_SHOWN], kind=type(error).__name__)
        if _is_full(error):
            raise StorageFull from error
        raise StorageAway(refused=local or isinstance(error, _REFUSED)) from error


def _is_full(error: BaseError | OSError) -> bool:
    if isinstance(error, OSError) and error.errno in _FULL:
        return True
    return any(text in str(error) for text in _FULL_TEXTS)
