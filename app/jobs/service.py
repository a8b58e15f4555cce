"""Making jobs: check, serialise, seal, store, tell a scheduler, answer.

Nothing is stored unless all of a request is right, and every fault of it is told at once.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from operator import itemgetter
from uuid import UUID

import msgspec
from msgspec import UnsetType

from app.errors import Rejected
from app.hints import Hints
from app.jobs import (
    batches,
    checks,
    code,
    composing,
    content,
    defining,
    intake,
    laning,
    placing,
    reading,
    sameness,
)
from app.jobs import store as jobs
from app.jobs.batches import FreshBatch, StoredBatch
from app.jobs.code_schemas import CreateContainer
from app.jobs.composing import Aim
from app.jobs.content import Content
from app.jobs.defining import Known, Whole
from app.jobs.grouping import Groups
from app.jobs.idempotency import Key
from app.jobs.placing import Fresh, Twin
from app.jobs.schemas import CreateAnyTarget, CreateJob, CreateTarget, Job
from app.jobs.store import Stored
from app.jobs.uniqueness import Unique
from core import ids, metrics
from core.db import Database
from core.definitions import store as definitions
from core.definitions.model import Definition, Name
from core.egress.guard import Egress
from core.errors import Fault, Invalid, NoonmarkError, Unavailable
from core.jobs.model import NewJob, State
from core.sealing import Keyring
from core.tenants.store import header_context

_encoder = msgspec.json.Encoder()
_secrets = msgspec.json.Decoder(dict[str, str])


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
        [whole] = await self._wholes([asked], origin.tenant_id)
        try:
            body = await self._checked(whole, origin.tenant_id)
        except Invalid:
            if key is None or not await self._was_used([asked], key, origin.tenant_id):
                raise
            async with self._database.raw() as db:
                return self.finish(await placing.repeated(db, key, tenant=origin.tenant_id))
        await self._laned([whole], origin.tenant_id)
        new = self._new(whole, body, origin, key, ids.new())
        return self.finish(await (self._grouped if new.uniqueness is None else self._alone)(new, key))

    async def create_many(self, asked: Sequence[CreateJob], origin: Origin, key: Key | None) -> MadeMany:
        """Store all of these new jobs, or find those their key made. Raises Invalid with every fault."""
        placed = await self._placed(asked, origin, key)
        if isinstance(placed, NoonmarkError):
            raise placed
        if isinstance(placed, StoredBatch):
            return MadeMany([reading.job(one) for one in placed.jobs], replayed=True)
        self._tell([one for one in placed.jobs if isinstance(one, Fresh)])
        returned = [index for index, one in enumerate(placed.jobs) if isinstance(one, Twin)]
        return MadeMany([reading.job(one.job) for one in placed.jobs], replayed=False, returned=returned)

    async def _placed(
        self, asked: Sequence[CreateJob], origin: Origin, key: Key | None
    ) -> FreshBatch | StoredBatch | placing.Refusal:
        try:
            batch = await self._batch(asked, origin, key)
        except Invalid:
            if key is None or not await self._was_used(asked, key, origin.tenant_id):
                raise
            async with self._database.raw() as db:
                return await batches.repeated(db, key, len(asked), tenant=origin.tenant_id)
        async with self._database.raw() as db:
            return await batches.place(db, batch, key)

    async def compose(self, asked: CreateJob, origin: Origin, key: Key | None, id: UUID) -> NewJob:
        """A new job that is to be stored together with something else, as it would be stored by itself."""
        [whole] = await self._wholes([asked], origin.tenant_id)
        body = await self._checked(whole, origin.tenant_id)
        await self._laned([whole], origin.tenant_id)
        return self._new(whole, body, origin, key, id)

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

    async def _wholes(self, asked: Sequence[CreateJob], tenant: UUID) -> list[Whole]:
        """Jobs with what their definitions say. Most have none, and cost nothing."""
        if all(isinstance(one.target, CreateTarget | CreateContainer) for one in asked):
            return [Whole(one) for one in asked]
        async with self._database.raw() as db:
            found = await definitions.find(db, defining.definitions_named(asked), tenant=tenant)
            registered = {Name(one.key, one.version): one for one in found.values() if one.registered}
            called = defining.functions_named(asked, found.values()) - registered.keys()
            functions = registered | await definitions.functions(db, list(called))
        known = Known(found, functions)
        return [defining.whole(one, known, partial(self._opened, tenant)) for one in asked]

    def _opened(self, tenant: UUID, definition: Definition) -> dict[str, str]:
        assert definition.sealed is not None
        return _secrets.decode(self._keyring.open(definition.sealed, context=header_context(tenant)))

    async def _laned(self, wholes: Sequence[Whole], tenant: UUID) -> None:
        """Have the lanes of these jobs, if they have any."""
        lanes = {one.lane for one in wholes if one.lane is not None}
        if not lanes:
            return
        async with self._database.raw() as db:
            if not await laning.ensure(db, lanes, tenant=tenant):
                raise Unavailable("The definition has just been changed; try again.")

    async def _was_used(self, asked: Sequence[CreateJob], key: Key, tenant: UUID) -> bool:
        """Whether a key made these jobs when their definitions or functions were others."""
        if all(isinstance(one.target, CreateTarget | CreateContainer) for one in asked):
            return False
        async with self._database.raw() as db:
            return await jobs.key_use(db, key, tenant=tenant) is not None

    async def _checked(self, whole: Whole, tenant: UUID) -> Content:
        """The body to store, of a job that has nothing wrong."""
        body = self._judged(whole, datetime.now(UTC))
        if isinstance(body, Content):
            return body
        if isinstance(body, Invalid) and body.code == "validation_failed":
            strangers = await self._strangers({_queue(whole)}, tenant)
            raise Invalid(body.faults + [placing.unknown_queue() for _ in strangers])
        raise body

    async def _batch(self, asked: Sequence[CreateJob], origin: Origin, key: Key | None) -> list[NewJob]:
        """The jobs to store, if none has anything wrong; the first one carries the key."""
        now, wholes = datetime.now(UTC), await self._wholes(asked, origin.tenant_id)
        judged = [self._judged(one, now) for one in wholes]
        refused = [(index, body) for index, body in enumerate(judged) if not isinstance(body, Content)]
        if refused:
            raise await self._refusal(wholes, refused, origin.tenant_id)
        await self._laned(wholes, origin.tenant_id)
        keys = [key, *[None] * (len(asked) - 1)]
        made = zip(wholes, judged, keys, batches.ids_of(batches.first_id(), len(asked)), strict=True)
        return [
            self._new(one, body, origin, its_key, id)
            for one, body, its_key, id in made
            if isinstance(body, Content)
        ]

    async def _refusal(
        self, asked: Sequence[Whole], refused: Sequence[tuple[int, Invalid | Rejected]], tenant: UUID
    ) -> NoonmarkError:
        """All that is wrong with a batch; what is too large is told alone, and last."""
        invalid = [(index, error) for index, error in refused if isinstance(error, Invalid)]
        if not invalid:
            return refused[0][1]
        strangers = await self._strangers({_queue(one) for one in asked}, tenant)
        invalid += [
            (index, Invalid([placing.unknown_queue()]))
            for index, one in enumerate(asked)
            if _queue(one) in strangers
        ]
        return intake.gathered(sorted(invalid, key=itemgetter(0)))

    async def _strangers(self, queues: set[str], tenant: UUID) -> set[str]:
        """Those of these names that no queue of the tenant has."""
        async with self._database.raw() as db:
            return queues - await jobs.known_queues(db, queues, tenant=tenant)

    def _judged(self, whole: Whole, now: datetime) -> Content | Invalid | Rejected:
        """The body to store, or what is wrong with the job, but for its queue."""
        asked = whole.job
        if isinstance(asked.target, UnsetType):
            return Invalid([*whole.faults, *checks.faults(asked, now=now)])
        body = code.body(asked.target)
        faults = [*whole.faults, *map(whole.placed, checks.faults(asked, now=now, body=body))]
        if faults or isinstance(body, Fault):
            return Invalid(faults)
        return self._forbidden(whole, asked.target) or content.excess(body) or body

    def _forbidden(self, whole: Whole, target: CreateAnyTarget) -> Invalid | None:
        """The refusal of a target that the operator does not allow."""
        if not isinstance(target, CreateTarget):
            return None
        refusal = checks.destination(target.url, self._egress)
        if refusal is None or whole.source is None:
            return refusal
        return Invalid([whole.placed(fault) for fault in refusal.faults], code=refusal.code)

    def _new(self, whole: Whole, body: Content, origin: Origin, key: Key | None, id: UUID) -> NewJob:
        asked, tenant = whole.job, origin.tenant_id
        aim = composing.aim(asked.aim, body, whole.source)
        new = composing.new_job(
            asked, aim, body, id=id, tenant=tenant, sealed=self._sealed(aim.secret, tenant)
        )
        return msgspec.structs.replace(
            new,
            queue=new.queue if whole.lane is None else whole.lane.name,
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


def _queue(whole: Whole) -> str:
    """The queue that a job names; its lane is there, or will be made."""
    queue = whole.job.queue
    return "default" if isinstance(queue, UnsetType) or whole.lane is not None else queue
