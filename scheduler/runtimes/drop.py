"""Who processes run as, where that is somebody else than the scheduler: named, and possible at all."""

import os
import pwd
import re
from pathlib import Path

_NUMBERS = re.compile(r"([0-9]{1,10}):([0-9]{1,10})")
_MOST = 2**32 - 2


def parse(text: str) -> tuple[int, int]:
    """The uid and gid of `name` or `uid:gid`. ValueError with a sentence for the operator."""
    numbers = _NUMBERS.fullmatch(text)
    user = (int(numbers[1]), int(numbers[2])) if numbers is not None else _named(text)
    if 0 in user:
        raise ValueError("must not be root, nor of its group")
    if max(user) > _MOST:
        raise ValueError("is beyond the numbers that users have")
    return user


def check(user: tuple[int, int], root: Path) -> None:
    """Whether we can become that user, who can get to the folders of attempts. ValueError if not."""
    if os.geteuid() != 0:
        raise ValueError("only a scheduler that is root can run processes as somebody else")
    closed = next((each for each in reversed(root.parents) if not _lets(each, user)), None)
    if closed is not None:
        raise ValueError(f"cannot get to NOONMARK_DATA_DIR: {closed} is closed to that user")


def _named(name: str) -> tuple[int, int]:
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        raise ValueError(f"there is no user {name!r}") from None
    return found.pw_uid, found.pw_gid


def _lets(folder: Path, user: tuple[int, int]) -> bool:
    """Whether that user may pass through, if it is there: what is made by us lets everybody."""
    try:
        about = folder.stat()
    except FileNotFoundError:
        return True
    if about.st_uid == user[0]:
        return bool(about.st_mode & 0o100)
    return bool(about.st_mode & (0o010 if about.st_gid == user[1] else 0o001))
