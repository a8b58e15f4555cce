"""What a function is told about its attempt, and what it can tell while it works.

Made by the host; with no arguments it is good enough to call a function in its own tests. An event is a small
JSON object, told at once and never waited for by anybody: what is too large is refused to its author, what
comes in masses may be thinned out further on.
"""

import json
import logging
import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID

from noonmark.functions.failures import Cancelled

LARGEST_EVENT = 16 * 1024
"""Bytes of JSON."""

_NO_JOB = UUID(int=0)

Emit = Callable[[Mapping[str, Any]], None]


class Ending(StrEnum):
    """How an attempt ended, as hooks are told."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


def _to_nobody(_: Mapping[str, Any]) -> None:
    """Outside of a host."""


class Context:
    """One attempt at a job, as its function sees it."""

    def __init__(
        self,
        *,
        job_id: UUID = _NO_JOB,
        attempt: int = 1,
        max_attempts: int = 1,
        params: Any = None,
        output_dir: Path = Path(),
        inputs: Mapping[str, Path] | None = None,
        emit: Emit = _to_nobody,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self.job_id = job_id
        self.attempt = attempt
        self.max_attempts = max_attempts
        self.params = params
        self.output_dir = output_dir
        """What lies in it at the end is the attempt's output."""
        self.inputs: Mapping[str, Path] = inputs or {}
        """Files that came with the job, by name."""
        self.ending: Ending | None = None
        """None until the function is over."""
        self.logger = logging.getLogger("noonmark.functions")
        self._emit = emit
        self._stopped = stopped

    @property
    def cancelled(self) -> bool:
        """Whether to stop now: cancelled, past its time, or the scheduler is leaving."""
        return self._stopped()

    def raise_if_cancelled(self) -> None:
        if self.cancelled:
            raise Cancelled

    def log(self, message: str, /, **fields: Any) -> None:
        """A line of the attempt's output."""
        told = "".join(
            f" {name}={json.dumps(value, default=str, ensure_ascii=False)}" for name, value in fields.items()
        )
        print(message + told, file=sys.stdout, flush=True)  # noqa: T201 - standard output is where it goes

    def progress(self, done: float, total: float, message: str = "") -> None:
        """How far it is."""
        self._tell({"kind": "progress", "name": "progress", "done": done, "total": total, "message": message})

    def event(self, name: str, /, **data: Any) -> None:
        """Anything else that its history should show. ValueError if it is no JSON, or more than 16 KiB."""
        self._tell({"kind": "custom", "name": name, "data": data})

    def hook_called(self, name: str, error: str | None) -> None:
        """For the host: a hook came back, or failed."""
        self._tell({"kind": "hook", "name": name, "error": error})

    def _tell(self, event: Mapping[str, Any]) -> None:
        try:
            size = len(json.dumps(event, allow_nan=False))
        except TypeError as error:
            raise ValueError(f"an event is JSON: {error}") from None
        if size > LARGEST_EVENT:
            raise ValueError(f"an event is {LARGEST_EVENT} bytes of JSON at most, this is {size}")
        self._emit(event)
