"""Bulk actions over HTTP. Each chunk is committed with its row in the audit."""

from functools import partial
from typing import Any

import msgspec
from litestar import Request, Router, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from app.audit import store as audit
from app.audit.model import Action
from app.bulk import cancelling, letters, selecting
from app.bulk.cancelling import Done
from app.bulk.schemas import (
    CancelJobs,
    CancelledJobs,
    PurgedLetters,
    PurgeLetters,
    ReplayedLetters,
    ReplayLetters,
)
from app.bulk.sweeps import Sweep
from app.dead_letters import store as dead_letters
from app.hints import Hints
from app.jobs import pages
from app.jobs.creating import origin
from app.principal import Principal
from core import metrics
from core.db import Database
from core.jobs.model import State

_CHUNK = 500
# A replay holds the bodies of its chunk in memory.
_REPLAYED = 50


@post("/jobs:cancel", operation_id="cancelJobs", summary="Cancel many jobs", status_code=200, tags=["jobs"])
async def cancel(
    data: JSONBody[CancelJobs],
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    hints: NamedDependency[Hints],
) -> CancelledJobs:
    """End every job that fits, or all: those that wait are cancelled at once, calls are aborted."""
    asked = selecting.jobs(data)
    which = msgspec.structs.replace(asked, states=asked.states or cancelling.LIVE)
    tenant, total = principal.tenant_id, Done()
    sweep = Sweep(database, partial(pages.walk, which=which, tenant=tenant, limit=_CHUNK))
    async for ids in sweep:
        if data.dry_run:
            total.matched += len(ids)
            continue
        async with database.raw() as db, db.transaction():
            done = await cancelling.cancel(db, ids, which, tenant=tenant)
            counts = {"cancelled": done.cancelled, "cancelling": done.cancelling}
            await audit.record(db, principal, Action.JOBS_CANCELLED, "jobs", selecting.told(data) | counts)
        total.add(done)
        metrics.jobs_ended.labels(State.CANCELLED).inc(done.cancelled)
        for replica in done.replicas:
            hints.cancel(replica)
    return CancelledJobs(
        matched=total.matched, cancelled=total.cancelled, cancelling=total.cancelling, more=sweep.more
    )


@post(
    "/dlq:replay",
    operation_id="replayDeadLetters",
    summary="Replay many dead letters",
    status_code=200,
    tags=["dead letters"],
)
async def replay(
    data: JSONBody[ReplayLetters],
    request: Request[Any, Any, Any],
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
    hints: NamedDependency[Hints],
) -> ReplayedLetters:
    """Make a new job of every dead letter that fits, or of all; of each only once, whoever replays it."""
    which, tenant = selecting.letters(data), principal.tenant_id
    asker = origin(request)
    gap = 1 / data.per_second if data.per_second else 0.0
    matched = replayed = 0
    step = partial(dead_letters.step, which=which, replayable=True, tenant=tenant, limit=_REPLAYED)
    sweep = Sweep(database, step)
    async for ids in sweep:
        matched += len(ids)
        if data.dry_run:
            continue
        delays = [gap * (replayed + number) for number in range(len(ids))]
        async with database.raw() as db, db.transaction():
            count = await letters.replay(db, ids, which, asker, delays)
            detail = selecting.told(data) | {"replayed": count}
            await audit.record(db, principal, Action.DEAD_LETTERS_REPLAYED, "dead letters", detail)
        replayed += count
        metrics.jobs_created.inc(count)
        hints.work(delays[0])
    return ReplayedLetters(matched=matched, replayed=replayed, more=sweep.more)


@post(
    "/dlq:purge",
    operation_id="purgeDeadLetters",
    summary="Delete many dead letters",
    status_code=200,
    tags=["dead letters"],
)
async def purge(
    data: JSONBody[PurgeLetters],
    principal: NamedDependency[Principal],
    database: NamedDependency[Database],
) -> PurgedLetters:
    """Delete every dead letter that fits, or all, for good. Their jobs stay until their retention ends."""
    which, tenant = selecting.letters(data), principal.tenant_id
    matched = purged = 0
    step = partial(dead_letters.step, which=which, replayable=False, tenant=tenant, limit=_CHUNK)
    sweep = Sweep(database, step)
    async for ids in sweep:
        matched += len(ids)
        if data.dry_run:
            continue
        async with database.raw() as db, db.transaction():
            count = await letters.purge(db, ids, which, tenant=tenant)
            detail = selecting.told(data) | {"purged": count}
            await audit.record(db, principal, Action.DEAD_LETTERS_PURGED, "dead letters", detail)
        purged += count
    return PurgedLetters(matched=matched, purged=purged, more=sweep.more)


def router() -> Router:
    """The routes of bulk actions."""
    return Router("/v1", route_handlers=[cancel, replay, purge])
