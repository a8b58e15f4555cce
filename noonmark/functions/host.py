"""The process that holds users' modules, and forks a keeper for each order it is handed.

    python -m noonmark.functions.host CHANNEL PARENT MODULE,MODULE

Modules are imported once; a fork has them at hand, so an attempt pays for no start of Python and is still a
process of its own, used once: no state, thread or descriptor passes from one job to another. Everything
travels over the socket CHANNEL: first our line, what is registered or why we cannot serve; then from the
scheduler, for each order, four descriptors: control, standard output, standard error, events. We end when
that socket does.
"""

import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Iterable
from typing import Any

from noonmark.functions import kernel
from noonmark.functions.keeper import tend
from noonmark.functions.registry import REGISTRY, Registry

_DESCRIPTORS = 4


class Refusal(Exception):
    """The modules cannot be served; for the operator."""


def main(arguments: list[str]) -> int:
    channel = socket.socket(fileno=int(arguments[0]))
    channel.set_inheritable(False)
    kernel.die_with(int(arguments[1]))
    os.setsid()
    kernel.adopt_orphans()
    try:
        _load([name.strip() for name in arguments[2].split(",") if name.strip()])
    except Refusal as refusal:
        _say(channel, {"refused": str(refusal)})
        return 1
    _say(channel, {"functions": catalogue(REGISTRY)})
    Host(channel, REGISTRY).serve()
    return 0


def catalogue(registry: Registry) -> list[dict[str, Any]]:
    """What is registered, as JSON."""
    return [
        {
            "key": each.key,
            "version": each.version,
            "timeout_seconds": each.timeout_seconds,
            "max_attempts": each.max_attempts,
            "concurrency": each.concurrency,
            "schema": each.schema,
            "description": (each.body.__doc__ or "").strip().partition("\n")[0],
        }
        for each in registry
    ]


class Host:
    """One fork an order."""

    def __init__(self, channel: socket.socket, registry: Registry) -> None:
        self._channel = channel
        self._registry = registry
        self._keepers: set[int] = set()

    def serve(self) -> None:
        wake = self._awakened()
        # What stands now is never collected: a collection in a fork would copy all of its pages.
        gc.collect()
        gc.freeze()
        poller = select.poll()
        poller.register(self._channel, select.POLLIN)
        poller.register(wake, select.POLLIN)
        while True:
            ready = {number for number, _ in poller.poll()}
            if wake.fileno() in ready:
                wake.recv(4096)
                self._reap()
            if self._channel.fileno() in ready and not self._take():
                signal.set_wakeup_fd(-1)
                return

    def _take(self) -> bool:
        """Whether the scheduler is still there."""
        data, descriptors, _, _ = socket.recv_fds(self._channel, 1, _DESCRIPTORS)
        if not data:
            return False
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
        control, *streams = descriptors
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            self._channel.close()
            out, err, events = streams
            tend(socket.socket(fileno=control), (out, err, events), self._registry)
        self._keepers.add(pid)
        for descriptor in descriptors:
            os.close(descriptor)
        return True

    def _reap(self) -> None:
        """Keepers that are done; what one that was killed has left behind has come to us, and is killed."""
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            self._keepers.discard(pid)
        for child in kernel.children():
            if child not in self._keepers:
                kernel.kill(child)

    def _awakened(self) -> socket.socket:
        waking, wake = socket.socketpair()
        for end in (waking, wake):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(waking.detach(), warn_on_full_buffer=False)
        return wake


def _load(modules: Iterable[str]) -> None:
    for name in modules:
        try:
            importlib.import_module(name)
        except BaseException as error:  # A module that calls sys.exit() cannot be served either.
            traceback.print_exc()
            words = "".join(traceback.format_exception_only(error)).strip()
            raise Refusal(f"cannot import {name}: {words}") from None
    if threading.active_count() > 1:
        started = ", ".join(each.name for each in threading.enumerate()[1:])
        raise Refusal(
            f"threads were started by importing ({started}); a fork has none of them: start them later"
        )


def _say(channel: socket.socket, words: dict[str, Any]) -> None:
    channel.sendall(json.dumps(words).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
