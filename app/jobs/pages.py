"""Pages of jobs: which ids fit a filter, from the newest down, without ever reading a table whole.

Ids sort by age, so an id is the place where the next page begins, and a page holds whatever else happens:
new jobs come before the first one, and a job that changes its state is where it is now.

What a list is driven from depends on what it asks for:

- any state: the tenant's jobs, by their index (tenant, id);
- states that are final: the endings, by theirs (tenant, state, job);
- the others: the small tables that are those states. They have no index by tenant, because every job that
  passes through would pay for it, so they are read in the order of their keys, and only while they are small
  on disk. When they are not, the tenant's jobs are walked instead, passing over those that have an ending.

A filter may fit few of very many. So a page looks at no more than `LOOKS` candidates and at its jobs one by
one (LATERAL keeps the plan at that); it then is short, and tells where to go on.
"""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from app.jobs import store as jobs
from app.jobs.filters import Filter
from app.jobs.store import PLACES, SKEW_MS, STATE, Stored
from core.db import Raw
from core.jobs.lifecycle import FINAL
from core.jobs.model import State

LOOKS = 20_000
SMALL_BYTES = 16 * 1024 * 1024
LAST = UUID(int=2**128 - 1)

CAREFULLY = """
SELECT set_config('statement_timeout', '5s', true), set_config('plan_cache_mode', 'force_custom_plan', true),
       set_config('enable_seqscan', 'off', true)
"""
"""For the transaction of a page: its time is bounded, and its plan is made for what it asks, by index."""

_SIZE = "SELECT sum(pg_relation_size(name::regclass)) FROM unnest($1::text[]) AS name"

_LIVES_IN = {
    State.SCHEDULED: {"timers", "leases"},
    State.QUEUED: {"timers", "ready"},
    State.RUNNING: {"leases"},
    State.CANCELLING: {"leases"},
}
_STREAM = "SELECT {id} AS id FROM {table} WHERE tenant_id = $1 AND {id} < $2 AND {id} > $3 {state}"
_SEEN = "SELECT id FROM ({streams}) stream ORDER BY id DESC"

_MATCHES = """
      (${0}::text IS NULL
       OR j.queue_id = ANY(ARRAY(SELECT id FROM queues WHERE tenant_id = $1 AND name = ${0})))
  AND (${1}::text = '{{}}' OR j.labels @> ${1}::text::jsonb)
  AND (${2}::timestamptz IS NULL OR j.created_at >= ${2})
  AND (${3}::timestamptz IS NULL OR j.created_at < ${3})
  AND (${4}::timestamptz IS NULL OR j.fire_at >= ${4}) AND (${5}::timestamptz IS NULL OR j.fire_at < ${5})
  AND (${6}::text IS NULL OR strpos(j.target ->> 'url', ${6}) > 0)
"""

_FOUND = """
SELECT seen.id FROM ({seen}) seen CROSS JOIN LATERAL (
  SELECT {state} AS state FROM jobs j {places}
  WHERE j.id = seen.id AND j.tenant_id = $1 AND {matches} OFFSET 0) job
WHERE {unended} (cardinality($5::text[]) = 0 OR job.state = ANY($5))
ORDER BY seen.id DESC LIMIT $4
"""
_UNENDED = "(SELECT true FROM endings e WHERE e.job_id = seen.id) IS NULL AND"


class Page(msgspec.Struct, frozen=True):
    """Some jobs, newest first, and the id after which the next ones are; none if there are no more."""

    items: Sequence[Stored]
    ends_at: UUID | None


class Walk(msgspec.Struct, frozen=True):
    """Some ids, newest first, and the id after which the next ones are; none if there are no more."""

    ids: list[UUID]
    ends_at: UUID | None


async def page(db: Raw, which: Filter, *, tenant: UUID, before: UUID | None, limit: int) -> Page:
    """Up to so many jobs that fit, from the newest before this one on, all at one instant."""
    async with db.transaction(isolation="repeatable_read", readonly=True):
        found = await step(db, which, tenant=tenant, before=before, limit=limit)
        items = await jobs.many(db, found.ids, tenant=tenant) if found.ids else []
    return Page(items, found.ends_at)


async def walk(db: Raw, which: Filter, *, tenant: UUID, before: UUID | None, limit: int) -> Walk:
    """The ids of a page, at one instant."""
    async with db.transaction(isolation="repeatable_read", readonly=True):
        return await step(db, which, tenant=tenant, before=before, limit=limit)


async def step(db: Raw, which: Filter, *, tenant: UUID, before: UUID | None, limit: int) -> Walk:
    """The ids of a page. Meant for the inside of a transaction that sees one instant."""
    await db.execute(CAREFULLY)
    seen = _SEEN.format(streams=await _streams(db, which.states))
    span = (tenant, *_span(which, before or LAST))
    states = which.states if which.states - FINAL else ()
    rows = await db.fetch(_found(which.states, seen), *span, limit + 1, list(states), *values(which))
    ids = [row[0] for row in rows]
    if len(ids) > limit:
        return Walk(ids[:limit], ids[limit - 1])
    return Walk(ids, await db.fetchval(f"{seen} LIMIT 1 OFFSET {LOOKS - 1}", *span))


def matches(first: int) -> str:
    """Whether a job j of tenant $1 fits a filter, whose `values` stand from this place on."""
    return _MATCHES.format(*range(first, first + 7))


def values(which: Filter) -> tuple[object, ...]:
    """What `matches` asks for."""
    labels = msgspec.json.encode(which.labels).decode()
    spans = (which.created_after, which.created_before, which.fire_after, which.fire_before)
    return (which.queue, labels, *spans, which.url_contains)


def _span(which: Filter, before: UUID) -> tuple[UUID, UUID]:
    """Between which ids to look: they tell when jobs were made, by a clock that may be a little off."""
    upper, lower = before, UUID(int=0)
    if which.created_before is not None:
        upper = min(upper, _made(which.created_before.timestamp() * 1000 + SKEW_MS))
    if which.created_after is not None:
        lower = _made(which.created_after.timestamp() * 1000 - SKEW_MS)
    return upper, lower


def _made(milliseconds: float) -> UUID:
    return UUID(int=max(0, int(milliseconds)) << 80)


async def _streams(db: Raw, states: frozenset[State]) -> str:
    """The ids to look at, in the order of each index."""
    places = sorted({place for state in states - FINAL for place in _LIVES_IN[state]})
    if not states or (places and not await _are_small(db, places)):
        return _STREAM.format(table="jobs", id="id", state="")
    over = [f"AND state = '{state}'" for state in sorted(states & FINAL)]
    return " UNION ALL ".join(
        [_STREAM.format(table="endings", id="job_id", state=state) for state in over]
        + [_STREAM.format(table=place, id="job_id", state="") for place in places]
    )


async def _are_small(db: Raw, places: Sequence[str]) -> bool:
    size: int = await db.fetchval(_SIZE, places)
    return size <= SMALL_BYTES


def _found(states: frozenset[State], seen: str) -> str:
    live = states - FINAL
    return _FOUND.format(
        seen=f"{seen} LIMIT {LOOKS}",
        state=STATE if live else "NULL::text",
        places=PLACES if live else "",
        matches=matches(6),
        unended=_UNENDED if live == states and live else "",
    )
