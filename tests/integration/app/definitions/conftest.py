"""The API as for jobs, and functions as a scheduler would publish them."""

from collections.abc import Awaitable, Callable

import pytest

from core.db import Database
from core.definitions import store as definitions
from core.definitions.model import Function
from scheduler.functions import basic, compute
from tests.integration.app.jobs.conftest import edge, hints, mine, settings, theirs

__all__ = ["edge", "hints", "mine", "publish", "settings", "theirs"]

Publish = Callable[..., Awaitable[None]]


@pytest.fixture
def publish(database: Database) -> Publish:
    """Publishes `echo@1`, `compute.math@1` and one function more."""

    async def published(key: str = "encode", *, concurrency: int | None = None, version: int = 1) -> None:
        functions = [
            Function(
                key=name, version=number, description="", timeout_seconds=30, max_attempts=3,
                concurrency=most, params_schema=schema,
            )
            for name, number, most, schema in (
                ("echo", 1, None, basic.ECHO),
                ("compute.math", 1, None, compute.SCHEMA),
                (key, version, concurrency, None),
            )
        ]  # fmt: skip
        async with database.raw() as db:
            await definitions.publish(db, functions)

    return published
