"""The gauges of what waits."""

from prometheus_client import REGISTRY

from core.db import Database
from reaper.depth import Depth
from tests.jobs import make_job, make_tenant


async def test_the_gauges_tell_how_much_waits_and_since_when(database: Database) -> None:
    tenant = await make_tenant(database)
    async with database.raw() as db:
        for _ in range(3):
            await make_job(db, tenant)
        await make_job(db, tenant, delay_seconds=60.0)
        await db.execute("UPDATE ready SET due_at = now() - interval '20 seconds'")
        await db.execute("UPDATE timers SET due_at = now() - interval '10 seconds'")
    await Depth(database).once()
    assert REGISTRY.get_sample_value("noonmark_ready_jobs") == 3
    assert 20 <= (REGISTRY.get_sample_value("noonmark_oldest_ready_seconds") or 0) < 30
    assert 10 <= (REGISTRY.get_sample_value("noonmark_overdue_timer_seconds") or 0) < 20
