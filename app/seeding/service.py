"""`python -m app seed`: demo data for a developer's machine, made once, all or none.

The jobs are stored, settled and cancelled by the statements that every job is, so they are in no way special;
only then their times are moved back. Who finds them there changes nothing, also when two calls race: the
tenant's row is locked first.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from app.jobs import batches, code, composing, moves
from app.jobs.content import Content
from app.jobs.retargeting import Means
from app.jobs.schemas import CreateJob
from app.seeding import store
from app.seeding.stories import BATCH, EMAIL, MARK, PAUSED, STORIES, Story, Try
from app.tenants import service as tenants
from app.tenants import store as tenant_rows
from app.users import store as users
from core import ids
from core.db import Database, Raw
from core.egress.guard import Egress
from core.jobs import store as jobs
from core.jobs.model import NewJob, Settlement
from core.sealing import Keyring

_encoder = msgspec.json.Encoder()
_ANSWER_HEADERS = b'{"content-type":"application/json"}'


class Seeded(msgspec.Struct, frozen=True):
    """What there is now."""

    made: int
    """How many jobs are new."""
    states: Mapping[str, int]
    """How many demo jobs stand in each state."""


async def seed(database: Database, keyring: Keyring) -> Seeded:
    """Make the demo user and the demo data, unless they are there."""
    tenant = await _tenant(database, keyring)
    means = Means(keyring, Egress(), tenant)
    async with database.raw() as db, db.transaction():
        await tenant_rows.hold(db, tenant)
        states = await store.counts(db, tenant=tenant, labels=MARK)
        if states:
            return Seeded(0, states)
        await store.add_paused_queue(db, ids.new(), tenant=tenant, name=PAUSED)
        for story in STORIES:
            await _tell(db, story, means)
        await _make(db, BATCH, means)
        states = await store.counts(db, tenant=tenant, labels=MARK)
    return Seeded(sum(states.values()), states)


def told(done: Seeded) -> str:
    """A few lines for whoever ran the command."""
    stand = ", ".join(f"{count} {state}" for state, count in sorted(done.states.items()))
    made = f"{done.made} jobs are new" if done.made else "nothing is new: they were there"
    return f"demo jobs of {EMAIL}: {stand}\n{made}\nsign in as {EMAIL}; the mail is at /dev/outbox\n"


async def _tenant(database: Database, keyring: Keyring) -> UUID:
    """The demo user's, who signs in for the first time by this if he never did."""
    async with database.begin() as connection:
        tenant = ids.new()
        if await users.register(connection, EMAIL, user_id=ids.new(), tenant_id=tenant):
            await users.furnish(connection, tenants.start(tenant, EMAIL, keyring))
        return (await users.by_email(connection, EMAIL)).tenant.id


async def _tell(db: Raw, story: Story, means: Means) -> None:
    """Make a job and let happen to it what happened."""
    [job] = await _make(db, [story.order], means, ago=story.ago)
    replica = ids.new()
    for one in story.tries:
        taken = await store.take(db, job, replica=replica)
        await jobs.settle(db, [_settlement(job, taken, one)])
    if story.cancelled:
        await moves.cancel(db, job, tenant=means.tenant)
    tries = [(story.ago - one.after, story.ago - one.after - one.duration) for one in story.tries]
    ended = tries[-1][1] if tries else story.ago
    if story.ago:
        await store.age(db, job, created=story.ago, ended=ended, tries=tries)


def _settlement(job: UUID, taken: store.Taken, one: Try) -> Settlement:
    return Settlement(
        job_id=job,
        attempt=taken.attempt,
        lease_token=taken.lease_token,
        outcome=one.outcome,
        retry_seconds=one.retry_seconds,
        started_ago=one.duration,
        duration=one.duration,
        request_id=f"seed-{taken.attempt}",
        bytes_sent=512,
        status=one.status,
        headers=_ANSWER_HEADERS if one.status is not None else None,
        body=one.body if one.status is not None else None,
        error_code=one.code,
        error_message=one.message,
    )


async def _make(db: Raw, orders: Sequence[CreateJob], means: Means, *, ago: float = 0.0) -> list[UUID]:
    """The ids of jobs that are created together, such as they would have had so many seconds ago."""
    first = batches.first_id() if len(orders) > 1 else ids.new()
    made = batches.ids_of(UUID(int=first.int - (int(ago * 1000) << 80)), len(orders))
    new = [_new(order, id, means) for order, id in zip(orders, made, strict=True)]
    await jobs.create(db, new)
    return made


def _new(order: CreateJob, id: UUID, means: Means) -> NewJob:
    body = code.body(order.aim)
    assert isinstance(body, Content)
    aim = composing.aim(order.aim, body)
    new = composing.new_job(order, aim, body, id=id, tenant=means.tenant, sealed=means.seal(aim.secret))
    return msgspec.structs.replace(new, request_id="seed", fire_at=None, expires_at=None)
