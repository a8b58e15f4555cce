"""Structured logs: one JSON object a line on stderr, with stable keys.

``request_id``, ``job_id``, ``attempt`` and ``replica_id`` mean the same thing in every process, so that one
id finds the lines of the API and of the schedulers. Never log a header's value, a body or a token.
"""

import logging
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_encoder = msgspec.json.Encoder(enc_hook=str)

Log = structlog.typing.FilteringBoundLogger


def configure(level: str, *, process: str) -> None:
    """Set up this process's logs; call once, from ``__main__``."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.format_exc_info,
            _render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.BytesLoggerFactory(file=sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s", force=True)


def get(name: str) -> Log:
    """The logger of a module."""
    logger: Log = structlog.get_logger(source=name)
    return logger


def lines(log: Log, event: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """A line of this event for each row, at level info, all by one write.

    For what is told of every attempt: one by one, the lines would be a fifth of a scheduler's work.
    """
    bound = log.bind()
    if not bound.is_enabled_for(logging.INFO):
        return
    head = _head("info", event) | structlog.get_context(bound) | structlog.contextvars.get_contextvars()
    # What all lines share is encoded once, and each row put behind it: two objects become one.
    shared = _encoder.encode(head)[:-1] + b","
    sys.stderr.buffer.write(b"".join([shared + _encoder.encode(row)[1:] + b"\n" for row in rows]))
    sys.stderr.buffer.flush()


def _render(_logger: object, method: str, event: structlog.typing.EventDict) -> bytes:
    level = "error" if method == "exception" else method
    return _encoder.encode({**_head(level, event.pop("event")), **event})


def _head(level: str, event: str) -> dict[str, Any]:
    """What stands first in every line."""
    at = datetime.now(UTC).isoformat(timespec="microseconds").removesuffix("+00:00")
    return {"at": f"{at}Z", "level": level, "event": event}
