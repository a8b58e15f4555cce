"""A user's module, as the setting names it: every way for a function to end, and to be in the way."""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from noonmark.functions import Context, PermanentFailure, job

_FOR_EVER = 3600.0
_calls = 0


def say(*words: object) -> None:
    sys.stdout.write(" ".join(str(word) for word in words) + "\n")


def note(ctx: Context, *subject: object) -> None:
    name = "on_end" if not subject else f"after {type(subject[0]).__name__}"
    say(name, ctx.ending)


def _first_environment() -> str:
    """What the kernel keeps of the environment that the process began with."""
    return Path("/proc/self/environ").read_text()


@job("told", version=1, max_attempts=2)
def told(ctx: Context, params: Any) -> Any:
    ctx.event("seen", attempt=ctx.attempt, of=ctx.max_attempts, job=str(ctx.job_id))
    return {
        "params": params,
        "environment": dict(os.environ),
        "first": _first_environment(),
        "cwd": os.getcwd(),
        "pid": os.getpid(),
    }


@told.on_start
def _started(ctx: Context) -> None: ...
@told.on_success
def _succeeded(ctx: Context, result: Any) -> None: ...
@told.on_fail
def _failed(ctx: Context, error: BaseException) -> None: ...
@told.on_end
def _ended(ctx: Context) -> None: ...


@job("awaited", version=1, on_end=note)
async def awaited(ctx: Context, params: Any) -> Any:
    await asyncio.sleep(0)
    say("waiting")
    if params == "for ever":
        await asyncio.sleep(_FOR_EVER)
    return "awaited"


@job("cooperative", version=1, max_attempts=1, on_fail=note, on_end=note)
def cooperative(ctx: Context, params: Any) -> None:
    say("waiting")
    while not ctx.cancelled:
        time.sleep(0.01)


@job("deaf", version=1, on_fail=note, on_end=note)
def deaf(ctx: Context, params: Any) -> None:
    """Sees no stop; its child hides in a session of its own."""
    hidden = subprocess.Popen([sys.executable, "-c", _DEAF], start_new_session=True, stdout=subprocess.PIPE)
    assert hidden.stdout is not None
    hidden.stdout.readline()
    say("children", hidden.pid, os.getpid())
    while True:
        time.sleep(_FOR_EVER)


_DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(3600)
"""


@job("untidy", version=1)
def untidy(ctx: Context, params: Any) -> None:
    """Leaves a process, a thread and a file behind."""
    left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"], start_new_session=True)
    threading.Thread(target=time.sleep, args=(_FOR_EVER,)).start()
    with tempfile.NamedTemporaryFile(delete=False) as file:
        say(left.pid, file.name)


@job("busy", version=1)
def busy(ctx: Context, params: float) -> int:
    """Nothing but the CPU, for so many seconds."""
    ends, turns = time.monotonic() + params, 0
    while time.monotonic() < ends:
        turns += sum(range(1000))
    return turns


@job("dies", version=1, max_attempts=1, on_fail=note, on_end=note)
def dies(ctx: Context, params: str) -> None:
    match params:
        case "exit":
            os._exit(7)
        case "segfault":
            ctypes.string_at(0)
        case "keeper":
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(_FOR_EVER)


@job("hungry", version=1, on_end=note)
def hungry(ctx: Context, params: int) -> int:
    return len(bytearray(params * 1024 * 1024))


@job("permanent", version=1, max_attempts=5)
def permanent(ctx: Context, params: Any) -> None:
    raise PermanentFailure("there is no such account")


@job("fails", version=1, max_attempts=2, on_fail=note, on_end=note)
def fails(ctx: Context, params: Any) -> None:
    raise ValueError("again")


@job("counts", version=1)
def counts(ctx: Context, params: Any) -> int:
    """How often this process has been used."""
    global _calls
    _calls += 1
    os.environ["LEFT"] = "behind"
    return _calls


@job("chatty", version=1)
def chatty(ctx: Context, params: int) -> None:
    for number in range(params):
        ctx.progress(number + 1, params)


@job("inherited", version=1)
def inherited(ctx: Context, params: Any) -> list[str]:
    """The descriptors that a program gets which a function starts."""
    listing = [sys.executable, "-c", "import os; print(*os.listdir('/proc/self/fd'))"]
    return subprocess.run(listing, close_fds=False, capture_output=True, text=True, check=True).stdout.split()


@job("loud", version=1)
def loud(ctx: Context, params: int) -> None:
    sys.stdout.write("x" * params)


@job("dies.at.success", version=1)
def dies_at_success(ctx: Context, params: Any) -> str:
    return "kept"


@dies_at_success.on_success
def _dies(ctx: Context, result: Any) -> None:
    os._exit(1)


dies_at_success.on_end(note)
