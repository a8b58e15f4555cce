"""A job's moves, as functions: what the hot statements take and give.

Every function takes the driver's connection and does one round trip. None opens a transaction; `expired` is
meant for the inside of one, with `settle` after it.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec
from msgspec import Raw as Json

from core.db import Raw
from core.jobs import statements
from core.jobs.model import (
    Created,
    Expired,
    Fate,
    Held,
    Lane,
    Lease,
    Needs,
    NewJob,
    Settled,
    Settlement,
    Survey,
)

_encoder = msgspec.json.Encoder()
_LANES = 1024
_FIRST = UUID(int=0)
_OFFERS = (Needs.HTTP,)
# Asking the enumeration itself would cost as much as the rest of an answer.
_FATES = {fate.value: fate for fate in Fate}

BEFORE_ALL = -math.inf
"""The watermark that hides nothing, epoch seconds."""


def _instant(epoch: float | None) -> datetime:
    """A watermark: no later than what it stands for, and before everything when there is none."""
    return datetime.fromtimestamp(epoch, UTC) if epoch is not None else datetime.min.replace(tzinfo=UTC)


async def create(db: Raw, jobs: Sequence[NewJob]) -> list[Created]:
    """Store new jobs with their timers or ready rows; those whose idempotency key is taken are left out."""
    rows = await db.fetch(statements.CREATE, *_apart(jobs, statements.NEW_JOB))
    return [Created(*row) for row in rows]


def _apart(rows: Sequence[msgspec.Struct], kinds: Mapping[str, str]) -> list[object]:
    """What all of these rows share, as JSON by name, and columns of what they differ in.

    The first, which is an id, and bytes are always columns.
    """
    shared, columns = dict[str, object](), list[object]()
    values = zip(*map(msgspec.structs.astuple, rows), strict=True)
    for (name, kind), column in zip(kinds.items(), values, strict=True):
        first = column[0]
        if not columns or isinstance(first, bytes) or column.count(first) < len(column):
            columns.append(column)
            continue
        shared[name] = Json(first.encode()) if kind == "jsonb" and first is not None else first
        columns.append(())
    return [_encoder.encode(shared).decode(), *columns]


async def survey(
    db: Raw,
    *,
    since: float | None,
    after: UUID = _FIRST,
    look: bool = True,
    offers: Sequence[int] = _OFFERS,
) -> Survey:
    """The clock, the next timer not before ``since``; by a look, the lanes in reach after queue ``after``."""
    rows = await db.fetch(statements.SURVEY, _instant(since), _LANES if look else 0, after, offers)
    # Each need was looked at by itself: together they reach as far as the one that was cut off first.
    cut = min((row[2] for row in rows if row[6] == _LANES), default=None)
    lanes = tuple(
        Lane(row[2], row[3], row[4], row[5])
        for row in rows
        if row[4] is not None and (cut is None or row[2] <= cut)
    )
    return Survey(rows[0][0], rows[0][1], lanes, (cut or _FIRST) if look else after)


async def plan(db: Raw, *, limit: int, since: float | None) -> int:
    """Make due timers ready; how many."""
    count: int = await db.fetchval(statements.PLAN, limit, _instant(since))
    return count


async def claim(
    db: Raw,
    quotas: Sequence[tuple[UUID, int, float | None]],
    *,
    replica: UUID,
    needs: Sequence[int] | None = None,
) -> list[Lease]:
    """Lease ready jobs: of each queue at most its quota, from its watermark on, best rank first.

    ``needs`` are those of the quotas, one each; without them they are of HTTP.
    """
    queues = [queue for queue, _, _ in quotas]
    limits = [limit for _, limit, _ in quotas]
    marks = [BEFORE_ALL if since is None else since for _, _, since in quotas]
    kinds = [Needs.HTTP] * len(quotas) if needs is None else needs
    rows = await db.fetch(statements.CLAIM, replica, queues, limits, marks, kinds)
    return [Lease(*row) for row in rows]


async def claim_ahead(
    db: Raw,
    *,
    replica: UUID,
    limit: int,
    seconds: float,
    offers: Sequence[int] = _OFFERS,
    behind: Sequence[UUID] = (),
) -> list[Lease]:
    """Lease timers that are due within ``seconds``, or were just now; none of the queues ``behind``."""
    rows = await db.fetch(statements.CLAIM_AHEAD, replica, limit, seconds, offers, behind)
    return [Lease(*row) for row in rows]


async def settle(db: Raw, settlements: Sequence[Settlement]) -> list[Settled]:
    """End leases, fenced by their tokens; safe to repeat after an ambiguous commit."""
    rows = await db.fetch(statements.SETTLE, *_apart(settlements, statements.SETTLEMENT))
    return [Settled(row[0], row[1], _FATES[row[2]], row[3]) for row in rows]


async def held(db: Raw, *, replica: UUID) -> list[Held]:
    """The leases the table says this replica holds."""
    return [Held(*row) for row in await db.fetch(statements.HELD, replica)]


async def running_code(db: Raw) -> set[UUID]:
    """The tokens of all leases under which code may run, whoever holds them."""
    return {row[0] for row in await db.fetch("SELECT lease_token FROM leases WHERE needs <> 0")}


async def over(db: Raw, jobs: Collection[UUID]) -> set[UUID]:
    """Which of these wait for nothing and are not in flight: they have ended, or were removed since."""
    rows = await db.fetch(
        """SELECT id FROM unnest($1::uuid[]) AS asked (id)
           WHERE NOT EXISTS (SELECT FROM leases WHERE job_id = id)
             AND NOT EXISTS (SELECT FROM ready WHERE job_id = id)
             AND NOT EXISTS (SELECT FROM timers WHERE job_id = id)""",
        list(jobs),
    )
    return {row[0] for row in rows}


async def expired(db: Raw, *, limit: int, margin_seconds: float) -> list[Expired]:
    """Lock leases that nobody keeps, until the end of the transaction."""
    return [Expired(*row) for row in await db.fetch(statements.EXPIRED, margin_seconds, limit)]


async def any_expired(db: Raw, *, margin_seconds: float) -> bool:
    """Whether there is a lease that nobody keeps."""
    found: bool = await db.fetchval(statements.ANY_EXPIRED, margin_seconds)
    return found
