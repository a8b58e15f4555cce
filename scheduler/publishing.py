"""Tells everybody which functions this replica has, by the catalogue of definitions: once, after its start.

What is registered under a key and version is what holds for jobs that are made from then on, whoever started
last; its limit holds for all that are claimed from then on. Nothing is written where nothing has changed, and
nothing is taken away: another replica may have what this one has not.
"""

import math
from collections.abc import Sequence

from core import log
from core.db import Database
from core.definitions import schemas
from core.definitions import store as definitions
from core.definitions.model import Function, parse_name
from scheduler.runtimes.function import FunctionRuntime
from scheduler.runtimes.function_host import Registered

MOST = 1_000
"""Functions of a replica."""

_log = log.get(__name__)


class Publisher:
    """Publishes the functions of this replica, if it offers any."""

    def __init__(self, database: Database, runtime: FunctionRuntime | None) -> None:
        self._database = database
        self._runtime = runtime
        self._done = runtime is None

    async def once(self) -> int:
        """Publish, unless that is done; never says that it acted."""
        if self._done or self._runtime is None:
            return 0
        catalogue = [published(one) for one in await self._runtime.catalogue()]
        async with self._database.raw() as db:
            changed = await definitions.publish(db, catalogue)
        self._done = True
        _log.info("functions_published", functions=len(catalogue), changed=changed)
        return 0


def published(one: Registered) -> Function:
    """A function as everybody sees it."""
    return Function(
        key=one.key,
        version=one.version,
        description=one.description[:1000],
        timeout_seconds=math.ceil(one.timeout_seconds),
        max_attempts=one.max_attempts,
        concurrency=one.concurrency,
        params_schema=one.schema,
    )


def refusal(catalogue: Sequence[Registered]) -> str | None:
    """Why these cannot be published, in a sentence for the operator."""
    if len(catalogue) > MOST:
        return f"there are {len(catalogue)} functions, of at most {MOST:,}"
    for one in catalogue:
        if parse_name(one.name) is None:
            return f"{one.name} is no name of a definition"
        for flaw in schemas.check(one.schema) if one.schema is not None else ():
            return f"the schema of {one.name} is not valid: {flaw.pointer or 'it'} {flaw.message}"
    return None
