"""Replaying a dead letter, at most once, whoever else is trying.

1. Lock the letter: of many at once the first goes on, the others wait here and see what it did.
2. Replayed before: the same request by its idempotency key gets the same job, any other a conflict.
3. Make the new job from the letter's own copy, and note its id on the letter.
"""

from uuid import UUID

from app.dead_letters import store as letters
from app.jobs import placing, replays
from app.jobs import store as jobs
from app.jobs.idempotency import Key
from app.jobs.placing import Fresh, Refusal, Twin
from app.jobs.schemas import ReplayJob
from app.jobs.service import Origin
from app.jobs.store import Stored
from core.db import Raw
from core.errors import Conflict, NotFound


async def replay(
    db: Raw, job: UUID, asked: ReplayJob, origin: Origin, key: Key | None
) -> Fresh | Stored | Twin | Refusal | Conflict:
    """Make a new job of a dead letter."""
    async with db.transaction():
        held = await letters.hold(db, job, tenant=origin.tenant_id)
        if held is None:
            return NotFound()
        if held.replayed_as is None:
            return await replays.again(db, held.request, asked, origin, of=job, key=key)
        if key is not None and await jobs.key_use(db, key, tenant=origin.tenant_id) is not None:
            return await placing.repeated(db, key, tenant=origin.tenant_id)
        return Conflict("already_replayed", f"It was replayed as job {held.replayed_as}.")
