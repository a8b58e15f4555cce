"""Databases of tests: cloned from the template ahead of the test that takes them, dropped behind it.

A thread with a connection of its own does both, one after the other, while tests compute or wait. So a test
waits for its database only if the one before it was over in no time.
"""

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from uuid import uuid4

import asyncpg

from core.db import Raw


class Clones:
    """Made by `cloning`."""

    def __init__(self, template: str, thread: ThreadPoolExecutor, runner: asyncio.Runner, db: Raw) -> None:
        self._template = template
        self._thread = thread
        self._runner = runner
        self._db = db
        self._ahead = self._begin()
        self._dropped: list[Future[None]] = []

    def take(self) -> str:
        """The name of a database that nobody else has."""
        name = self._ahead.result()
        self._ahead = self._begin()
        return name

    def drop(self, name: str) -> None:
        """Soon, whoever is still connected to it."""
        statement = f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'
        self._dropped.append(self._thread.submit(self._say, statement))

    def close(self) -> None:
        """Drop the one that nobody took. Raises what went wrong with any of them."""
        self.drop(self._ahead.result())
        for dropped in self._dropped:
            dropped.result()

    def _begin(self) -> Future[str]:
        return self._thread.submit(self._clone)

    def _clone(self) -> str:
        name = f"test_{uuid4().hex[:12]}"
        self._say(f'CREATE DATABASE "{name}" TEMPLATE "{self._template}" STRATEGY file_copy')
        return name

    def _say(self, statement: str) -> None:
        self._runner.run(self._db.execute(statement))


@contextmanager
def cloning(server: str, template: str) -> Iterator[Clones]:
    """For the length of a `with`, in which nobody may connect to the template."""
    with ThreadPoolExecutor(1, "clones") as thread:
        runner = asyncio.Runner()
        db = thread.submit(lambda: runner.run(asyncpg.connect(server))).result()
        clones = Clones(template, thread, runner, db)
        try:
            yield clones
            clones.close()
        finally:
            thread.submit(lambda: runner.run(db.close())).result()
            thread.submit(runner.close).result()
