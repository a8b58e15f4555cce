"""What attempts print, on its way into the table: nothing waits, nothing is lost, nothing comes twice."""

import asyncio
import time
import tracemalloc
from collections.abc import AsyncIterator
from uuid import UUID

import msgspec
import pytest

from core.db import Database, Raw
from core.jobs import store as jobs
from core.jobs.model import Lease
from core.logs import store as logs
from core.logs.model import MOST_BYTES, Line, Mark, Position, Stream
from core.logs.store import Wanted
from core.loop import Loop
from scheduler.shipping import Shipment, Shipper
from tests.integration.scheduler.proxy import proxied
from tests.jobs import Tenant, settlement
from tests.printing import order, started

OUT, ERR = Stream.STDOUT, Stream.STDERR


@pytest.fixture
def shipper(database: Database) -> Shipper:
    return Shipper(database, now=time.time)


@pytest.fixture
async def db(database: Database) -> AsyncIterator[Raw]:
    async with database.raw() as opened:
        yield opened


@pytest.fixture
async def lease(db: Raw, tenant: Tenant) -> Lease:
    return await started(db, tenant)


async def read(db: Raw, lease: Lease) -> list[Line]:
    """Everything that is kept of a job."""
    wanted = Wanted(job_id=lease.job_id, tenant_id=lease.tenant_id, since=UUID(int=0))
    found: list[Line] = []
    while True:
        after = found[-1].position if found else Position()
        page = await logs.read(db, wanted, after=after, limit=10_000)
        assert page is not None
        found += page.lines
        if not page.more:
            return found


async def texts(db: Raw, lease: Lease) -> list[str]:
    return [line.text for line in await read(db, lease)]


async def ship(shipper: Shipper, *shipments: Shipment) -> None:
    """Finish all of them, with the shipper's passes."""
    finishing = asyncio.gather(*(shipment.finish() for shipment in shipments))
    while not finishing.done():
        await asyncio.sleep(0)
        await shipper.once()
    assert all(await finishing)


async def test_lines_are_there_after_one_pass_while_the_attempt_goes_on(
    shipper: Shipper, db: Raw, lease: Lease
) -> None:
    """LOG-01, but for the interval of the loop."""
    shipment = shipper.open(order(lease))
    shipment.write(OUT, b"one\ntwo\nthr")
    await shipper.once()
    assert await texts(db, lease) == ["one", "two"]


async def test_what_has_no_end_comes_with_the_end(shipper: Shipper, db: Raw, lease: Lease) -> None:
    shipment = shipper.open(order(lease))
    shipment.write(OUT, b"one\nlast")
    await ship(shipper, shipment)
    assert await texts(db, lease) == ["one", "last"]


async def test_lines_carry_stream_attempt_number_and_time(shipper: Shipper, db: Raw, lease: Lease) -> None:
    """LOG-03."""
    shipment = shipper.open(order(lease))
    shipment.write(OUT, b"a\n")
    shipment.write(ERR, b"b\nc\n")
    shipment.write(OUT, b"d\n")
    await ship(shipper, shipment)
    found = await read(db, lease)
    assert [(line.position, line.stream, line.text) for line in found] == [
        (Position(1, 1), "stdout", "a"),
        (Position(1, 2), "stderr", "b"),
        (Position(1, 3), "stderr", "c"),
        (Position(1, 4), "stdout", "d"),
    ]
    assert all(abs(line.at.timestamp() - time.time()) < 60 for line in found)


async def test_lines_of_different_moments_have_different_times(
    database: Database, db: Raw, lease: Lease
) -> None:
    times = iter([1_900_000_000.0, 1_900_000_000.05, 1_900_000_000.5])
    shipper = Shipper(database, now=lambda: next(times))
    shipment = shipper.open(order(lease))
    for line in (b"a\n", b"b\n", b"c\n"):
        shipment.write(OUT, line)
    await shipper.once()
    found = [line.at.timestamp() - 1_900_000_000 for line in await read(db, lease)]
    assert found == [0, 0, pytest.approx(0.5)]


async def test_text_is_made_valid(shipper: Shipper, db: Raw, lease: Lease) -> None:
    """LOG-04."""
    shipment = shipper.open(order(lease))
    shipment.write(OUT, b"a\0b\xff\xed\xa0\x80\r\n")
    await ship(shipper, shipment)
    assert await texts(db, lease) == ["ab\N{REPLACEMENT CHARACTER}" + "\N{REPLACEMENT CHARACTER}" * 3]


async def test_a_line_of_a_megabyte_is_kept_in_pieces(shipper: Shipper, db: Raw, lease: Lease) -> None:
    shipment = shipper.open(order(lease))
    shipment.write(OUT, b"x" * 1024 * 1024 + b"\nnext\n")
    await ship(shipper, shipment)
    found = await read(db, lease)
    assert [line.mark for line in found] == [Mark.CUT] * 127 + [None, None]
    assert "".join(line.text for line in found[:128]) == "x" * 1024 * 1024


async def test_a_flood_is_cut_off_and_says_so(shipper: Shipper, db: Raw, lease: Lease) -> None:
    """LOG-04: 100 MB are printed; memory stays bounded, 10 MiB are kept, and the last line says so."""
    shipment = shipper.open(order(lease))
    line = b"x" * 99 + b"\n"
    tracemalloc.start()
    for _ in range(1600):
        shipment.write(OUT, line * 655)
        await shipper.once()
    await ship(shipper, shipment)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40 * 1024 * 1024
    *kept, cut, last = await read(db, lease)
    assert len(kept) == MOST_BYTES // 100
    assert cut.text == "x" * (MOST_BYTES % 100)
    assert last.mark is Mark.TRUNCATED
    assert "10 MiB" in last.text


async def test_a_flood_is_held_within_bounds_while_nothing_can_be_written(
    shipper: Shipper, db: Raw, lease: Lease
) -> None:
    shipment = shipper.open(order(lease))
    tracemalloc.start()
    for _ in range(400):
        shipment.write(OUT, b"\n" * 65536)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60 * 1024 * 1024
    await ship(shipper, shipment)
    kept = await db.fetchval("SELECT sum(lines) FROM logs WHERE job_id = $1", lease.job_id)
    assert kept == MOST_BYTES + 1


async def test_when_there_is_no_room_lines_are_left_out_in_their_place(
    database: Database, db: Raw, lease: Lease
) -> None:
    shipper = Shipper(database, now=time.time, room=2000)
    shipment = shipper.open(order(lease))
    shipment.write(OUT, b"first\nhal")
    shipment.write(OUT, b"x" * 2000)
    shipment.write(OUT, b"y" * 2000)
    await shipper.once()
    shipment.write(OUT, b"later\n")
    await ship(shipper, shipment)
    found = await read(db, lease)
    assert [line.mark for line in found] == [None, None, Mark.DROPPED, None]
    assert [line.text for line in found[:2]] == ["first", "hal"]
    assert found[-1].text == "later"
    assert shipper.held == 0


async def test_one_flood_does_not_hold_up_the_others(
    shipper: Shipper, db: Raw, tenant: Tenant, lease: Lease
) -> None:
    flood = shipper.open(order(lease))
    quiet = await started(db, tenant)
    flood.write(OUT, b"x" * 8 * 1024 * 1024)
    shipper.open(order(quiet)).write(OUT, b"here\n")
    await shipper.once()
    assert await texts(db, quiet) == ["here"]


async def test_all_attempts_are_written_by_one_statement(shipper: Shipper, db: Raw, tenant: Tenant) -> None:
    leases = [await started(db, tenant) for _ in range(20)]
    for lease in leases:
        shipper.open(order(lease)).write(ERR, str(lease.job_id).encode() + b"\n")
    assert await shipper.once() == 0
    for lease in leases:
        assert await texts(db, lease) == [str(lease.job_id)]


async def test_who_lost_the_lease_is_not_listened_to_any_more(
    shipper: Shipper, db: Raw, lease: Lease
) -> None:
    shipment = shipper.open(order(lease))
    shipment.write(OUT, b"before\n")
    await shipper.once()
    await jobs.settle(db, [settlement(lease)])
    shipment.write(OUT, b"after\n")
    await shipper.once()
    shipment.write(OUT, b"for nobody\n")
    assert await shipment.finish()
    assert await texts(db, lease) == ["before"]
    assert (shipper.held, len(shipper)) == (0, 0)


async def test_finishing_without_lines_asks_nobody(lease: Lease) -> None:
    nowhere = Database("postgresql://nobody@127.0.0.1:1/none", name="nowhere")
    shipper = Shipper(nowhere, now=time.time)
    assert await shipper.open(order(lease)).finish()
    assert len(shipper) == 0


async def test_finishing_waits_no_longer_than_told(shipper: Shipper, lease: Lease) -> None:
    shipment = shipper.open(order(lease))
    shipment.write(OUT, b"x\n")
    assert not await shipment.finish(seconds=0.01)
    assert (shipper.held, len(shipper)) == (0, 0)


async def test_what_the_database_refuses_harms_no_other(
    shipper: Shipper, db: Raw, tenant: Tenant, lease: Lease
) -> None:
    other = await started(db, tenant)
    bad, good = shipper.open(order(lease)), shipper.open(order(other))
    bad.write(OUT, b"x\n")
    bad.close_row()
    bad.waiting[0] = msgspec.structs.replace(bad.waiting[0], text="\0")
    good.write(OUT, b"y\n")
    bad.write(OUT, b"z\n")
    await ship(shipper, bad, good)
    assert await texts(db, other) == ["y"]
    assert await texts(db, lease) == ["z"]


async def test_an_outage_of_the_database_loses_and_doubles_nothing(
    database_url: str, db: Raw, lease: Lease
) -> None:
    """LOG-05: cut off again and again in the middle of statements, and for a while altogether."""
    async with proxied(database_url) as proxy:
        database = Database(proxy.dsn, name="shipping")
        shipper = Shipper(database, now=time.time)
        loop = Loop(shipper.once, name="shipper", interval=0.01)
        shipper.wake = loop.wake
        stop = asyncio.Event()
        running = asyncio.ensure_future(loop.run(stop))
        shipment = shipper.open(order(lease))
        for number in range(3000):
            shipment.write(OUT, b"%d\n" % number)
            if number % 100 == 99:
                proxy.cut()
            if number % 100 == 40:
                proxy.mend()
            await asyncio.sleep(0.001 if number % 10 == 0 else 0)
        proxy.mend()
        assert await shipment.finish()
        stop.set()
        await running
        await database.close()
    found = await read(db, lease)
    assert [line.text for line in found] == [str(number) for number in range(3000)]
    assert [line.position.number for line in found] == list(range(1, 3001))
