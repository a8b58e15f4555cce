"""New jobs of all requests of this process: those that come together are stored by one statement.

While a group is under way the next one gathers, so that a busy process commits far less often than it is
asked, and an idle one waits for nothing. A request is answered after the commit of its own group. One that
goes away takes nothing with it: its job is stored as if it had stayed.

A job whose values the database refuses fails alone: its group is halved until it is found. An outage is told
to the whole group, for nobody knows what became of any of it.
"""

import asyncio
from collections.abc import Sequence

import msgspec

from core.db import Database, Raw, is_refused
from core.jobs import store as jobs
from core.jobs.model import Created, NewJob

_LANES = 2
_MOST_JOBS = 100
_MOST_BYTES = 4 * 1024 * 1024


class _Asked(msgspec.Struct):
    """A job to be stored, and who waits for it."""

    job: NewJob
    answer: "asyncio.Future[Created]"


class Groups:
    """Stores new jobs, each all by itself as far as its request can tell."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Asked] = []
        self._lanes: set[asyncio.Task[None]] = set()

    async def create(self, job: NewJob) -> Created:
        """Store a new job with those of other requests. Raises what the database raises."""
        asked = _Asked(job, asyncio.get_running_loop().create_future())
        self._waiting.append(asked)
        if len(self._lanes) < _LANES:
            self._open_lane()
        return await asked.answer

    def _open_lane(self) -> None:
        lane = asyncio.create_task(self._serve())
        self._lanes.add(lane)
        lane.add_done_callback(self._closed)

    def _closed(self, lane: asyncio.Task[None]) -> None:
        """Who came after the lane's last look, and before this, found no lane to open."""
        self._lanes.discard(lane)
        if self._waiting and not self._lanes:
            self._open_lane()

    async def _serve(self) -> None:
        """Group after group while anybody waits."""
        while self._waiting:
            group, self._waiting = _divided(self._waiting)
            try:
                async with self._database.raw() as db:
                    await _store(db, group)
            except Exception as error:
                _fail(group, error)


def _divided(waiting: Sequence[_Asked]) -> tuple[list[_Asked], list[_Asked]]:
    """The next group, and who waits for a later one; first come, first served.

    No two of a group have the same idempotency key: a statement cannot meet a key that it stores itself.
    """
    group, rest = list[_Asked](), list[_Asked]()
    keys, size = set[tuple[object, ...]](), 0
    for asked in waiting:
        job = asked.job
        key = (job.tenant_id, job.scope, job.key)
        size += len(job.body)
        if group and (len(group) == _MOST_JOBS or size > _MOST_BYTES or key in keys):
            rest.append(asked)
            continue
        group.append(asked)
        if job.key is not None:
            keys.add(key)
    return group, rest


async def _store(db: Raw, group: Sequence[_Asked]) -> None:
    try:
        made = {one.id: one for one in await jobs.create(db, [asked.job for asked in group])}
    except Exception as error:
        if not is_refused(error):
            raise
        if len(group) == 1:
            _fail(group, error)
            return
    else:
        for asked in group:
            if not asked.answer.done():
                asked.answer.set_result(made[asked.job.id])
        return
    middle = len(group) // 2
    await _store(db, group[:middle])
    await _store(db, group[middle:])


def _fail(group: Sequence[_Asked], error: Exception) -> None:
    for asked in group:
        if not asked.answer.done():
            asked.answer.set_exception(error)
