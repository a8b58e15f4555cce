"""Making a database big: rows are copies of one that the product wrote, so they have whatever columns it has.

Ids are laid out as UUIDv7 are: by time, from a month ago on.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from uuid import UUID, uuid4

from benchmarks import throughput, work
from benchmarks.stand import Room, connected
from core import ids, signing
from core.db import Raw
from core.sealing import parse_keys
from core.tenants.store import signing_context

_AHEAD_SECONDS = 86_400.0
_AGO_MS = 30 * 86_400_000
_STEP = 500_000

# Ids of 16 rows share a millisecond, as they would on a busy day.
_IDS = """
INSERT INTO grown
SELECT g, (substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-7000-8000-' || lpad(to_hex(g), 12, '0'))::uuid
FROM generate_series(1, $1::bigint) g, LATERAL (SELECT lpad(to_hex($2::bigint + g / 16), 12, '0') AS h) hex
"""
_DUE = "now() + interval '1 day' + n * interval '1 millisecond'"


async def timers(room: Room, count: int) -> None:
    """So many jobs that are due tomorrow and later."""
    [sample] = await work.store(
        room.db, work.due_at(throughput.order(room.stand), [time.time() + _AHEAD_SECONDS])
    )
    await _numbered(room.db, count)
    async with connected(room.dsn) as beside:
        await asyncio.gather(
            _copied(room.db, "jobs", "id", sample, count, {"id": "g.id", "fire_at": _DUE}),
            _copied(beside, "timers", "job_id", sample, count, {"job_id": "g.id", "due_at": _DUE}),
        )
    await _settled(room.db)


async def finished(room: Room, count: int) -> None:
    """So many jobs that ended well, with their attempts and events. A scheduler must have run one."""
    sample = await room.db.fetchval("SELECT job_id FROM endings LIMIT 1")
    await _numbered(room.db, count)
    tables = (("jobs", "id"), ("endings", "job_id"), ("attempts", "job_id"), ("events", "job_id"))
    async with connected(room.dsn) as beside:
        for pair in (tables[:2], tables[2:]):
            copies = [
                _copied(db, table, key, sample, count, {key: "g.id"})
                for db, (table, key) in zip((room.db, beside), pair, strict=True)
            ]
            await asyncio.gather(*copies)
    await _settled(room.db)


async def tenants(room: Room, count: int) -> list[UUID]:
    """So many more tenants with the queue and the signing secret that each has."""
    keyring = parse_keys(room.stand.environment["NOONMARK_MASTER_KEYS"])
    made = [uuid4() for _ in range(count)]
    sealed = [keyring.seal(signing.new_secret().encode(), context=signing_context(tenant)) for tenant in made]
    await room.db.execute("INSERT INTO tenants (id, name) SELECT unnest($1::uuid[]), 'benchmark'", made)
    await room.db.execute(
        "INSERT INTO queues (id, tenant_id, name) SELECT gen_random_uuid(), unnest($1::uuid[]), 'default'",
        made,
    )
    await room.db.execute(
        "INSERT INTO signing_secrets (id, tenant_id, sealed) "
        "SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bytea[])",
        [ids.new() for _ in made], made, sealed,
    )  # fmt: skip
    await room.db.execute("VACUUM ANALYZE")
    return made


async def _numbered(db: Raw, count: int) -> None:
    await db.execute("CREATE UNLOGGED TABLE grown (n bigint, id uuid)")
    await db.execute(_IDS, count, int(time.time() * 1000) - _AGO_MS)


async def _copied(
    db: Raw, table: str, key: str, sample: UUID, count: int, replaced: Mapping[str, str]
) -> None:
    """Rows of a sample job, as many times, step by step."""
    statement = copying(table, await _columns(db, table), key, replaced)
    for start in range(0, count, _STEP):
        await db.execute(statement, sample, start, min(start + _STEP, count))


async def _columns(db: Raw, table: str) -> list[str]:
    rows = await db.fetch(
        "SELECT column_name FROM information_schema.columns WHERE table_name = $1 AND is_generated = 'NEVER' "
        "ORDER BY ordinal_position",
        table,
    )
    return [row[0] for row in rows]


def copying(table: str, columns: Sequence[str], key: str, replaced: Mapping[str, str]) -> str:
    """The statement: $1 is the sample's id, $2 and $3 the numbers between which copies are made."""
    values = [replaced.get(column, f"s.{column}") for column in columns]
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)} "
        f"FROM grown g, (SELECT * FROM {table} WHERE {key} = $1) s "
        "WHERE g.n > $2::bigint AND g.n <= $3::bigint"
    )


async def _settled(db: Raw) -> None:
    """As autovacuum would have left it by tomorrow."""
    await db.execute("DROP TABLE grown")
    await db.execute("VACUUM ANALYZE")
    await db.execute("CHECKPOINT")
