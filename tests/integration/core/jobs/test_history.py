"""The ids of history, and the view that has it whole."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from core.db import Database, Raw
from core.jobs import store as jobs
from core.jobs.model import Outcome
from tests.jobs import Tenant, make_job, make_tenant, settlement

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANTS = [
    _EPOCH,
    datetime(2026, 11, 22, 12, 0, 0, 999_999, tzinfo=UTC),
    datetime(2026, 11, 22, 12, 0, 0, 123_000, tzinfo=UTC),
    datetime(2026, 12, 31, 23, 59, 59, 999, tzinfo=UTC),
    datetime(2199, 12, 31, 23, 59, 59, 999_001, tzinfo=UTC),
    *(_EPOCH + timedelta(microseconds=1_790_000_000_000_000 + step * 7_919_317_001) for step in range(200)),
]


@pytest.fixture
async def tenant(database: Database) -> Tenant:
    return await make_tenant(database)


def instant(id: UUID) -> datetime:
    """The microsecond that an id was made from."""
    return _EPOCH + timedelta(milliseconds=id.int >> 80, microseconds=(id.int >> 64 & 0xFFF) >> 2)


@pytest.mark.parametrize("ordinal", range(4))
async def test_an_id_keeps_its_instant_to_the_microsecond_and_its_ordinal(
    database: Database, ordinal: int
) -> None:
    async with database.raw() as db:
        rows = await db.fetch(
            "SELECT at, mint(at, $2), stamp(at, $2, $3) FROM unnest($1::timestamptz[]) AS at",
            _INSTANTS,
            ordinal,
            uuid4(),
        )
    for at, minted, stamped in rows:
        for id in (minted, stamped):
            assert (id.version, id.variant) == (7, "specified in RFC 4122")
            assert (instant(id), id.int >> 64 & 3) == (at, ordinal)


async def test_ids_of_one_instant_differ(database: Database) -> None:
    async with database.raw() as db:
        made = await db.fetch("SELECT mint(now(), 0) FROM generate_series(1, 10000)")
    assert len({row[0] for row in made}) == 10_000


async def history(db: Raw, job: UUID) -> list[tuple[str, int | None]]:
    rows = await db.fetch("SELECT kind, attempt FROM history WHERE job_id = $1 ORDER BY id", job)
    return [(row[0], row[1]) for row in rows]


async def test_creation_and_starts_stand_among_the_events(database: Database, tenant: Tenant) -> None:
    async with database.raw() as db:
        job = await make_job(db, tenant)
        assert await history(db, job) == [("created", None), ("queued", None)]
        [lease] = await jobs.claim(db, [(tenant.queue_id, 1, None)], replica=uuid4())
        assert await history(db, job) == [("created", None), ("queued", None), ("started", 1)]
        await jobs.settle(db, [settlement(lease, Outcome.SUCCEEDED)])
        assert (await history(db, job))[2:] == [("started", 1), ("succeeded", 1)]


async def test_a_job_for_later_was_not_queued_at_its_creation(database: Database, tenant: Tenant) -> None:
    async with database.raw() as db:
        job = await make_job(db, tenant, delay_seconds=60.0)
        assert await history(db, job) == [("created", None)]


async def test_a_lease_that_was_given_back_never_started(database: Database, tenant: Tenant) -> None:
    async with database.raw() as db:
        job = await make_job(db, tenant)
        [lease] = await jobs.claim(db, [(tenant.queue_id, 1, None)], replica=uuid4())
        await jobs.settle(db, [settlement(lease, None)])
        assert await history(db, job) == [("created", None), ("queued", None), ("returned", 1)]
