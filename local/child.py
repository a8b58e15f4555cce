"""Exec a program that cannot outlive the process that started it.

Run as a file, before anything else in the child, and replaced by the program it execs (same pid):

    python -I -S child.py SIGNAL PARENT IDENTITY PROGRAM ARGUMENT…

IDENTITY is `same`, `map:UID:GID` (a user namespace in which we appear as UID, while files stay ours
outside), or `become:UID:GID`. The order matters: changing credentials clears the parent-death signal, so it
is set last; and the parent may be gone by then, so it is looked at once more. The signal is tied to the
parent's *thread*: start children from the main thread. Where the system has no such signal (not Linux), an
orderly stop is all there is.

It must import nothing of ours, and only the standard library without site-packages.
"""

import ctypes
import os
import signal
import sys

_SET_PARENT_DEATH_SIGNAL = 1
_KEEP_CAPABILITIES = 8
_AMBIENT_CAPABILITY, _RAISE = 47, 2
_NEW_USER_NAMESPACE = 0x10000000
_CAPABILITY_VERSION_3 = 0x20080522
_OVERRIDE_FILE_PERMISSIONS = 1

_EXIT_REFUSED = 126


def command(program: list[str], *, on_parent_death: signal.Signals, identity: str = "same") -> list[str]:
    """The command line that starts `program` through this file; the caller must be its direct parent."""
    shim = [sys.executable, "-I", "-S", __file__]
    return [*shim, str(on_parent_death.value), str(os.getpid()), identity, *program]


def main(arguments: list[str]) -> None:
    number, parent, identity, *program = arguments
    try:
        _take(identity)
        _die_with(int(parent), int(number))
        os.execv(program[0], program)  # noqa: S606 - a path and a list, never a shell
    except OSError as error:
        print(f"{program[0]}: {error}", file=sys.stderr)
        sys.exit(_EXIT_REFUSED)


def _take(identity: str) -> None:
    how, _, ids = identity.partition(":")
    if how == "same":
        return
    uid, gid = (int(part) for part in ids.split(":"))
    if how == "map":
        _appear_as(uid, gid)
    else:
        _become(uid, gid)


def _appear_as(uid: int, gid: int) -> None:
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    _checked(_libc().unshare(_NEW_USER_NAMESPACE))
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/gid_map", f"{gid} {outer_gid} 1")
    _write("/proc/self/uid_map", f"{uid} {outer_uid} 1")


def _become(uid: int, gid: int) -> None:
    _libc().prctl(_KEEP_CAPABILITIES, 1, 0, 0, 0)
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    _keep_the_way_in()


def _keep_the_way_in() -> None:
    """Keep one capability over exec, so that closed folders above the data (/home/me, 0700) can be passed.

    The alternative is to open those folders' modes, which are not ours. Where it is refused, open ones
    still work.
    """
    bit = 1 << _OVERRIDE_FILE_PERMISSIONS
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    effective_permitted_inheritable = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
    if _libc().capset(header, effective_permitted_inheritable) == 0:
        _libc().prctl(_AMBIENT_CAPABILITY, _RAISE, _OVERRIDE_FILE_PERMISSIONS, 0, 0)


def _die_with(parent: int, number: int) -> None:
    if not sys.platform.startswith("linux"):
        return
    _checked(_libc().prctl(_SET_PARENT_DEATH_SIGNAL, number, 0, 0, 0))
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


if __name__ == "__main__":
    main(sys.argv[1:])
