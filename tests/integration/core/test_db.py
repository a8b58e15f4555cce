"""The pool behind `raw`: what is handed on, what never is, and what it costs."""

import asyncio

import asyncpg
import pytest

from core.db import Database, is_outage
from core.errors import SettingError


async def pid(database: Database) -> int:
    async with database.raw() as db:
        found: int = await db.fetchval("SELECT pg_backend_pid()")
    return found


async def test_a_connection_is_used_again(database: Database) -> None:
    assert await pid(database) == await pid(database)


async def test_an_error_of_a_statement_costs_no_connection(database: Database) -> None:
    before = await pid(database)
    with pytest.raises(asyncpg.PostgresSyntaxError):
        async with database.raw() as db:
            await db.execute("SELECT FROM WHERE")
    assert await pid(database) == before


async def test_an_error_inside_a_transaction_leaves_none_behind(database: Database) -> None:
    before = await pid(database)

    async def fail() -> None:
        async with database.raw() as db, db.transaction():
            await db.execute("CREATE TABLE half (done int)")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await pid(database) == before
    async with database.raw() as db:
        assert not db.is_in_transaction()
        assert await db.fetchval("SELECT to_regclass('half')") is None


async def test_a_connection_cut_in_the_middle_of_a_statement_is_not_handed_on(database: Database) -> None:
    before = await pid(database)
    with pytest.raises(Exception) as caught:
        async with database.raw() as db:
            await db.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert is_outage(caught.value)
    assert await pid(database) != before


async def test_a_cancelled_statements_connection_is_not_handed_on(database: Database) -> None:
    before = await pid(database)
    started = asyncio.Event()

    async def long() -> None:
        async with database.raw() as db:
            started.set()
            await db.execute("SELECT pg_sleep(60)")

    waiting = asyncio.create_task(long())
    await started.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await pid(database) != before


async def test_a_connection_that_died_while_it_lay_idle_is_replaced(database: Database) -> None:
    before = await pid(database)
    async with database.raw() as db:
        died = asyncio.Event()
        db.add_termination_listener(lambda _: died.set())
    other = await database.dial()
    await other.execute("SELECT pg_terminate_backend($1)", before)
    await died.wait()
    await other.close()
    assert await pid(database) != before


async def test_the_pool_is_no_larger_than_said_and_waits(database_url: str) -> None:
    small = Database(database_url, name="small", size=2)
    most = in_use = 0

    async def use() -> None:
        nonlocal most, in_use
        async with small.raw() as db:
            in_use += 1
            most = max(most, in_use)
            await db.fetchval("SELECT 1")
            in_use -= 1

    await asyncio.gather(*(use() for _ in range(20)))
    await small.close()
    assert most == 2


async def test_both_manners_share_one_pool(database_url: str) -> None:
    single = Database(database_url, name="single", size=1)
    first = await pid(single)
    async with single.begin() as connection:
        second = (await connection.exec_driver_sql("SELECT pg_backend_pid()")).scalar_one()
    await single.close()
    assert first == second


async def refuse_parameters(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """As PgBouncer refuses what sets something for a session."""
    await reader.readexactly(8)
    writer.write(b"N")
    size = int.from_bytes(await reader.readexactly(4))
    await reader.readexactly(size - 4)
    fields = b"SFATAL\0C08P01\0Munsupported startup parameter: jit\0\0"
    writer.write(b"E" + (len(fields) + 4).to_bytes(4) + fields)
    writer.close()


async def test_a_pooler_that_nobody_told_us_of_is_named_by_its_setting() -> None:
    async with await asyncio.start_server(refuse_parameters, "127.0.0.1", 0) as pooler:
        port = pooler.sockets[0].getsockname()[1]
        database = Database(f"postgresql://noonmark:x@127.0.0.1:{port}/noonmark", name="tests")
        for use in (database.raw, database.begin):
            with pytest.raises(SettingError, match=r"^NOONMARK_POOLED: .*pooler"):
                async with use():
                    pass
        await database.close()
