"""Making jobs: check, serialise, seal, store, tell a scheduler, answer.

Nothing is stored unless all of a request is right, and every fault of it is told at once.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from operator import itemgetter
from uuid import UUID

import msgspec

from app.errors import Rejected
from app.hints import Hints
from app.jobs import batches, checks, code, composing, content, intake, placing, reading, sameness
from app.jobs import store as jobs
from app.jobs.batches import StoredBatch
from app.jobs.composing import Aim
from app.jobs.content import Content
from app.jobs.grouping import Groups
from app.jobs.idempotency import Key
from app.jobs.placing import Fresh, Twin
from app.jobs.schemas import CreateJob, CreateTarget, Job, Unique
from app.jobs.store import Stored
from core import ids, metrics
from core.db import Database
from core.egress.guard import Egress
from core.errors import Fault, Invalid, NoonmarkError
from core.jobs.model import NewJob, State
from core.sealing import Keyring
from core.tenants.store import header_context

_encoder = msgspec.json.Encoder()


class Origin(msgspec.Struct, frozen=True):
    """Who makes a job, by which request."""

    tenant_id: UUID
    request_id: str
    trace: str | None


class Made(msgspec.Struct, frozen=True):
    """The answer to a creating request."""

    job: Job
    replayed: bool
    """Whether the same request, by its idempotency key, had made it before."""
    returned: bool = False
    """Whether it is the twin of a unique job that was not made."""


class MadeMany(msgspec.Struct, frozen=True):
    """The answer to a request that creates a batch."""

    jobs: list[Job]
    replayed: bool
    returned: Sequence[int] = ()
    """Places of those that are twins of unique jobs that were not made."""


class Jobs:
    """What the creating routes share."""

    def __init__(self, database: Database, keyring: Keyring, *, egress: Egress, hints: Hints) -> None:
        self._database = database
        self._keyring = keyring
        self._egress = egress
        self._hints = hints
        self._groups = Groups(database)

    async def create(self, asked: CreateJob, origin: Origin, key: Key | None) -> Made:
        """Store a new job, or find the one its key made. Raises Invalid with every fault, Rejected (413)."""
        body = await self._checked(asked, origin.tenant_id)
        new = self._new(asked, body, origin, key, ids.new())
        return self.finish(await (self._grouped if new.uniqueness is None else self._alone)(new, key))

    async def create_many(self, asked: Sequence[CreateJob], origin: Origin, key: Key | None) -> MadeMany:
        """Store all of these new jobs, or find those their key made. Raises Invalid with every fault."""
        batch = await self._batch(asked, origin, key)
        async with self._database.raw() as db:
            placed = await batches.place(db, batch, key)
        if isinstance(placed, NoonmarkError):
            raise placed
        if isinstance(placed, StoredBatch):
            return MadeMany([reading.job(one) for one in placed.jobs], replayed=True)
        self._tell([one for one in placed.jobs if isinstance(one, Fresh)])
        returned = [index for index, one in enumerate(placed.jobs) if isinstance(one, Twin)]
        return MadeMany([reading.job(one.job) for one in placed.jobs], replayed=False, returned=returned)

    async def compose(self, asked: CreateJob, origin: Origin, key: Key | None, id: UUID) -> NewJob:
        """A new job that is to be stored together with something else, as it would be stored by itself."""
        body = await self._checked(asked, origin.tenant_id)
        return self._new(asked, body, origin, key, id)

    def finish(self, placed: Fresh | Stored | Twin | NoonmarkError) -> Made:
        """The answer to what was committed, or raises what was refused."""
        if isinstance(placed, NoonmarkError):
            raise placed
        if isinstance(placed, Stored):
            return Made(reading.job(placed), replayed=True)
        if isinstance(placed, Twin):
            return Made(reading.job(placed.job), replayed=False, returned=True)
        self._tell([placed])
        return Made(reading.job(placed.job), replayed=False)

    async def _grouped(self, new: NewJob, key: Key | None) -> Fresh | Stored | placing.Refusal:
        known = placing.outcome(new, await self._groups.create(new))
        if known is not None:
            return known
        assert key is not None
        async with self._database.raw() as db:
            return await placing.repeated(db, key, tenant=new.tenant_id)

    async def _alone(self, new: NewJob, key: Key | None) -> Fresh | Stored | Twin | placing.Refusal:
        """In a transaction of its own, which a job that is to be unique needs."""
        async with self._database.raw() as db:
            return await placing.place(db, new, key)

    def _tell(self, fresh: Sequence[Fresh]) -> None:
        """Count new jobs, and wake a scheduler for the first of them."""
        if not fresh:
            return
        metrics.jobs_created.inc(len(fresh))
        self._hints.work(min(one.due_in for one in fresh))
        if replaced := sum(one.replaced for one in fresh):
            metrics.jobs_ended.labels(State.CANCELLED).inc(replaced)

    async def _checked(self, asked: CreateJob, tenant: UUID) -> Content:
        """The body to store, of a job that has nothing wrong."""
        body = self._judged(asked, datetime.now(UTC))
        if isinstance(body, Content):
            return body
        if isinstance(body, Invalid) and body.code == "validation_failed":
            strangers = await self._strangers({asked.queue}, tenant)
            raise Invalid(body.faults + [placing.unknown_queue() for _ in strangers])
        raise body

    async def _batch(self, asked: Sequence[CreateJob], origin: Origin, key: Key | None) -> list[NewJob]:
        """The jobs to store, if none has anything wrong; the first one carries the key."""
        now = datetime.now(UTC)
        judged = [self._judged(one, now) for one in asked]
        refused = [(index, body) for index, body in enumerate(judged) if not isinstance(body, Content)]
        if refused:
            raise await self._refusal(asked, refused, origin.tenant_id)
        keys = [key, *[None] * (len(asked) - 1)]
        made = zip(asked, judged, keys, batches.ids_of(batches.first_id(), len(asked)), strict=True)
        return [
            self._new(one, body, origin, its_key, id)
            for one, body, its_key, id in made
            if isinstance(body, Content)
        ]

    async def _refusal(
        self, asked: Sequence[CreateJob], refused: Sequence[tuple[int, Invalid | Rejected]], tenant: UUID
    ) -> NoonmarkError:
        """All that is wrong with a batch; what is too large is told alone, and last."""
        invalid = [(index, error) for index, error in refused if isinstance(error, Invalid)]
        if not invalid:
            return refused[0][1]
        strangers = await self._strangers({one.queue for one in asked}, tenant)
        invalid += [
            (index, Invalid([placing.unknown_queue()]))
            for index, one in enumerate(asked)
            if one.queue in strangers
        ]
        return intake.gathered(sorted(invalid, key=itemgetter(0)))

    async def _strangers(self, queues: set[str], tenant: UUID) -> set[str]:
        """Those of these names that no queue of the tenant has."""
        async with self._database.raw() as db:
            return queues - await jobs.known_queues(db, queues, tenant=tenant)

    def _judged(self, asked: CreateJob, now: datetime) -> Content | Invalid | Rejected:
        """The body to store, or what is wrong with the job, but for its queue."""
        body = code.body(asked.target)
        faults = checks.faults(asked, now=now, body=body)
        if faults or isinstance(body, Fault):
            return Invalid(faults)
        return self._forbidden(asked) or content.excess(body) or body

    def _forbidden(self, asked: CreateJob) -> Invalid | None:
        """The refusal of a target that the operator does not allow."""
        target = asked.target
        return checks.destination(target.url, self._egress) if isinstance(target, CreateTarget) else None

    def _new(self, asked: CreateJob, body: Content, origin: Origin, key: Key | None, id: UUID) -> NewJob:
        aim, tenant = composing.aim(asked.target, body), origin.tenant_id
        new = composing.new_job(
            asked, aim, body, id=id, tenant=tenant, sealed=self._sealed(aim.secret, tenant)
        )
        return msgspec.structs.replace(
            new,
            request_id=origin.request_id,
            trace=origin.trace,
            scope=key.scope if key is not None else "",
            key=key.text if key is not None else None,
            request_hash=key.request_hash if key is not None else None,
            uniqueness=self._uniqueness(asked.unique, aim, body, tenant),
        )

    def _uniqueness(self, asked: Unique | None, aim: Aim, body: Content, tenant: UUID) -> str | None:
        if asked is None:
            return None
        return sameness.written(sameness.rule(asked, aim, body, self._keyring, tenant))

    def _sealed(self, secret: dict[str, str], tenant: UUID) -> bytes | None:
        return self._keyring.seal(_encoder.encode(secret), context=header_context(tenant)) if secret else None
