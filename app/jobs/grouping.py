"""New jobs of all requests of this process: those that come together are stored by one statement.

A request is answered after the commit of its own group. One that goes away takes nothing with it: its job is
stored as if it had stayed.

A job whose values the database refuses fails alone: its group is halved until it is found. An outage is told
to the whole group, for nobody knows what became of any of it.
"""

from collections.abc import Sequence

from app.lanes import Asked, Lanes
from core.db import Database, Raw, is_refused
from core.jobs import store as jobs
from core.jobs.model import Created, NewJob

_MOST_JOBS = 100
_MOST_BYTES = 4 * 1024 * 1024

_Asked = Asked[NewJob, Created]


class Groups:
    """Stores new jobs, each all by itself as far as its request can tell."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lanes = Lanes[NewJob, Created](_divided, self._serve)

    async def create(self, job: NewJob) -> Created:
        """Store a new job with those of other requests. Raises what the database raises."""
        return await self._lanes.ask(job)

    async def _serve(self, group: Sequence[_Asked]) -> None:
        async with self._database.raw() as db:
            await _store(db, group)


def _divided(waiting: Sequence[_Asked]) -> tuple[list[_Asked], list[_Asked]]:
    """The next group, and who waits for a later one; first come, first served.

    No two of a group have the same idempotency key: a statement cannot meet a key that it stores itself.
    """
    group, rest = list[_Asked](), list[_Asked]()
    keys, size = set[tuple[object, ...]](), 0
    for asked in waiting:
        job = asked.question
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
        made = {one.id: one for one in await jobs.create(db, [asked.question for asked in group])}
    except Exception as error:
        if not is_refused(error):
            raise
        if len(group) == 1:
            group[0].fail(error)
            return
    else:
        for asked in group:
            asked.tell(made[asked.question.id])
        return
    middle = len(group) // 2
    await _store(db, group[:middle])
    await _store(db, group[middle:])
