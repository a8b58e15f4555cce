"""Logs on a real PostgreSQL: written by who holds the lease, once, and read from any line on."""

import asyncio
from uuid import UUID, uuid4

import msgspec
import pytest

from core.db import Database, Raw
from core.jobs import store as jobs
from core.jobs.model import Lease, Outcome
from core.logs import store as logs
from core.logs.model import Chunk, Line, Mark, Page, Position, Stream
from core.logs.store import Wanted
from tests.jobs import Tenant, make_tenant, settlement
from tests.printing import chunk, started

START = Position()


@pytest.fixture
async def tenant(database: Database) -> Tenant:
    return await make_tenant(database)


async def read(db: Raw, lease: Lease, *, after: Position = START, limit: int = 100, **which: object) -> Page:
    wanted = Wanted(job_id=lease.job_id, tenant_id=lease.tenant_id, since=UUID(int=0))
    page = await logs.read(db, msgspec.structs.replace(wanted, **which), after=after, limit=limit)
    assert page is not None
    return page


def texts(page: Page) -> list[str]:
    return [line.text for line in page.lines]


async def test_lines_are_read_as_they_were_written(database: Database, tenant: Tenant) -> None:
    async with database.raw() as db:
        lease = await started(db, tenant)
        written = chunk(lease, "one", "", "three", stream="stderr", mark="cut")
        assert await logs.append(db, [written]) == {lease.lease_token}
        page = await read(db, lease)
    at = page.lines[0].at
    assert abs(at.timestamp() - written.at) < 0.001
    assert page == Page(
        [
            Line(Position(1, 1), Stream.STDERR, at, "one", None),
            Line(Position(1, 2), Stream.STDERR, at, "", None),
            Line(Position(1, 3), Stream.STDERR, at, "three", Mark.CUT),
        ],
        more=False,
        state=None,
        over=False,
    )


@pytest.mark.promise(5)
async def test_who_lost_the_lease_writes_nothing(database: Database, tenant: Tenant) -> None:
    async with database.raw() as db:
        lease, other = await started(db, tenant), await started(db, tenant)
        foreign = msgspec.structs.replace(lease, lease_token=uuid4())
        later = msgspec.structs.replace(lease, attempt=2)
        live = await logs.append(db, [chunk(one, "x") for one in (foreign, later, other)])
        assert live == {other.lease_token}
        assert texts(await read(db, lease)) == []


@pytest.mark.promise(5)
async def test_after_the_attempt_was_settled_nothing_is_written(database: Database, tenant: Tenant) -> None:
    async with database.raw() as db:
        lease = await started(db, tenant)
        await jobs.settle(db, [settlement(lease)])
        assert await logs.append(db, [chunk(lease, "late")]) == set()
        assert texts(await read(db, lease)) == []


async def test_writing_twice_writes_once(database: Database, tenant: Tenant) -> None:
    async with database.raw() as db:
        lease = await started(db, tenant)
        chunks = [chunk(lease, "a", "b"), chunk(lease, "c", sequence=3)]
        for _ in range(2):
            assert await logs.append(db, chunks) == {lease.lease_token}
        assert texts(await read(db, lease)) == ["a", "b", "c"]


async def test_writing_twice_at_once_writes_once(database: Database, tenant: Tenant) -> None:
    async def write(chunks: list[Chunk]) -> None:
        async with database.raw() as db:
            await logs.append(db, chunks)

    async with database.raw() as db:
        lease = await started(db, tenant)
        chunks = [chunk(lease, str(number), sequence=number) for number in range(1, 200)]
        await asyncio.gather(*(write(chunks) for _ in range(4)))
        assert texts(await read(db, lease, limit=1000)) == [str(number) for number in range(1, 200)]


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_pages_lose_nothing_whatever_a_row_holds(
    database: Database, tenant: Tenant, limit: int
) -> None:
    async with database.raw() as db:
        lease = await started(db, tenant)
        await logs.append(
            db,
            [
                chunk(lease, "1", "2", "3"),
                chunk(lease, "4", sequence=4),
                chunk(lease, "5", "6", sequence=6, stream="stderr"),
                chunk(lease, "7", sequence=7),
            ],
        )
        found: list[str] = []
        after, more = START, True
        while more:
            page = await read(db, lease, after=after, limit=limit)
            assert len(page.lines) <= limit
            found += texts(page)
            after, more = page.lines[-1].position, page.more
    assert found == ["1", "2", "3", "4", "5", "6", "7"]


async def test_streams_and_attempts_can_be_read_alone(database: Database, tenant: Tenant) -> None:
    async with database.raw() as db:
        lease = await started(db, tenant)
        await logs.append(
            db,
            [
                chunk(lease, "out"),
                chunk(lease, "err", sequence=2, stream="stderr"),
                chunk(lease, "o", sequence=3),
            ],
        )
        assert texts(await read(db, lease, stream=Stream.STDOUT)) == ["out", "o"]
        assert texts(await read(db, lease, stream=Stream.STDERR)) == ["err"]
        assert texts(await read(db, lease, attempt=2)) == []


async def test_another_tenants_job_is_unknown(database: Database, tenant: Tenant) -> None:
    async with database.raw() as db:
        lease = await started(db, tenant)
        await logs.append(db, [chunk(lease, "x")])
        wanted = Wanted(job_id=lease.job_id, tenant_id=uuid4(), since=UUID(int=0))
        assert await logs.read(db, wanted, after=START, limit=10) is None


async def test_who_sees_the_end_sees_all_lines(database: Database, tenant: Tenant) -> None:
    async with database.raw() as db:
        lease = await started(db, tenant)
        await logs.append(db, [chunk(lease, "x")])
        assert not (await read(db, lease)).over
        await jobs.settle(db, [settlement(lease)])
        page = await read(db, lease)
    assert (texts(page), page.state, page.over) == (["x"], "succeeded", True)


async def test_settling_waits_for_lines_that_are_on_their_way(database: Database, tenant: Tenant) -> None:
    async with database.raw() as db, database.raw() as second:
        lease = await started(db, tenant)
        writing = db.transaction()
        await writing.start()
        await logs.append(db, [chunk(lease, "x")])
        settling = asyncio.ensure_future(jobs.settle(second, [settlement(lease)]))
        await blocked(database)
        assert not settling.done()
        await writing.commit()
        await settling
        assert texts(await read(second, lease)) == ["x"]


async def blocked(database: Database) -> None:
    """Until somebody waits for a lock."""
    async with database.raw() as db, asyncio.timeout(10):
        while not await db.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            pass


async def test_a_finished_attempt_is_over_before_its_job_is(database: Database, tenant: Tenant) -> None:
    async with database.raw() as db:
        lease = await started(db, tenant)
        assert not (await read(db, lease, attempt=1)).over
        await jobs.settle(db, [settlement(lease, Outcome.FAILED, retry_seconds=60.0)])
        assert (await read(db, lease, attempt=1)).over
        assert not (await read(db, lease)).over
