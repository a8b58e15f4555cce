"""The process in which one function is carried out, once, from the fork to its end.

It begins as a copy of its keeper and becomes clean: its own group, the order's environment and nothing else,
the order's folder, standard output and standard error of its own, no input. TERM tells the function to stop.
It never returns into the keeper's code.
"""

import io
import json
import logging
import mmap
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn
from uuid import UUID

from noonmark.functions import kernel
from noonmark.functions.attempt import Invoker, Report, call_hooks_after, carry_out
from noonmark.functions.context import Context
from noonmark.functions.failures import Crashed
from noonmark.functions.registry import Function

NOT_STOPPED, CANCELLED, TIMED_OUT = 0, 1, 2
"""What the byte that is shared with the keeper says."""
RESULT = "result.json"


@dataclass(frozen=True, slots=True)
class Order:
    """What the keeper was told."""

    function: str
    job_id: str
    attempt: int
    max_attempts: int | None
    """None is as many as the function was registered with."""
    params: str
    environment: Mapping[str, str]
    output_dir: str
    inputs: Mapping[str, str]
    """Where the job's files lie, by name."""
    working_directory: str
    memory_mb: int | None
    grace_seconds: float


@dataclass(frozen=True, slots=True)
class Lines:
    """Where this process tells what happens; all are pipes."""

    stdout: int
    stderr: int
    events: int
    reports: int


class Desk:
    """Tells the keeper, and keeps the result in the folder."""

    def __init__(self, reports: int, folder: Path) -> None:
        self._reports = reports
        self._folder = folder

    def begun(self, stage: str) -> None:
        self._tell({"begun": stage})

    def keep(self, result: bytes | None) -> None:
        """A function that wrote the file itself and returned nothing has its own."""
        path = self._folder / RESULT
        if result is not None or not path.exists():
            path.write_bytes(result or b"null")

    def out_of_memory(self) -> None:
        kernel.unlimit_memory()

    def concluded(self, report: Report) -> None:
        self._tell({"how": report.how, "message": report.message})

    def done(self) -> None:
        self._tell({"done": True})

    def _tell(self, words: Mapping[str, Any]) -> None:
        os.write(self._reports, json.dumps(words).encode() + b"\n")


class Code:
    """What the process does once it is clean."""

    def __init__(self, function: Function, order: Order, lines: Lines, stop: mmap.mmap) -> None:
        self._function = function
        self._order = order
        self._lines = lines
        self._stop = stop
        self._invoke = Invoker()
        self._telling = threading.Lock()
        self._desk = Desk(lines.reports, Path(order.output_dir))
        self._context = Context(
            job_id=UUID(order.job_id),
            attempt=order.attempt,
            max_attempts=order.max_attempts or max(order.attempt, function.max_attempts),
            params=json.loads(order.params),
            output_dir=Path(order.output_dir),
            inputs={name: Path(path) for name, path in order.inputs.items()},
            emit=self._emit,
            stopped=lambda: self._stop[0] != NOT_STOPPED,
        )

    def attempt(self) -> None:
        _listen_for_term(self._on_term)
        carry_out(
            self._function,
            self._context,
            self._desk,
            self._invoke,
            timed_out=lambda: self._stop[0] == TIMED_OUT,
        )
        self._desk.done()

    def aftermath(self, report: Report, begun: Collection[str]) -> None:
        """The hooks that the first process owed when it died."""
        # Not ignored: what is ignored stays so in programs that a hook starts.
        _listen_for_term(lambda number, frame: None)
        subject = Crashed(report.message)
        call_hooks_after(
            self._function,
            self._context,
            self._desk,
            self._invoke,
            report=report,
            subject=subject,
            done=begun,
        )

    def _on_term(self, number: int, frame: FrameType | None) -> None:
        """A TERM from elsewhere stops as well."""
        if self._stop[0] == NOT_STOPPED:
            self._stop[0] = CANCELLED
        if self._context.ending is None:
            self._invoke.interrupt()

    def _emit(self, event: Mapping[str, Any]) -> None:
        line = memoryview(json.dumps({"at": time.time(), **event}).encode() + b"\n")
        with self._telling:
            while line:
                line = line[os.write(self._lines.events, line) :]


def become(
    parent: int, function: Function, order: Order, lines: Lines, stop: mmap.mmap, act: Callable[[Code], None]
) -> NoReturn:
    """Clean this process, do the one thing, and end."""
    status = 1
    try:
        _clean(parent, order, lines)
        act(Code(function, order, lines, stop))
        status = 0
    except BaseException:  # Nothing may unwind into the keeper: this process is a copy of it.
        sys.excepthook(*sys.exc_info())
    finally:
        _flush()
        # Threads that the function has left end here, and what modules registered for an exit is not ours.
        os._exit(status)


def _clean(parent: int, order: Order, lines: Lines) -> None:
    os.setpgid(0, 0)
    kernel.die_with(parent)
    kernel.stand_back()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _speak_through(lines)
    os.environ.clear()
    os.environ.update(order.environment)
    time.tzset()
    # Whoever asked before the fork was told the host's.
    tempfile.tempdir = None
    os.chdir(order.working_directory)
    if order.memory_mb is not None:
        kernel.limit_memory(order.memory_mb)


def _listen_for_term(handler: Callable[[int, FrameType | None], None]) -> None:
    """The keeper has blocked it: one that came before is heard now."""
    signal.signal(signal.SIGTERM, handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])


def _speak_through(lines: Lines) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (lines.stdout, 1), (lines.stderr, 2)):
        os.dup2(source, target)
    os.close(nothing)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue
