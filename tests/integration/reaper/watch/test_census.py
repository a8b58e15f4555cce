"""Replicas that live, leave and are lost."""

from uuid import UUID, uuid4

from prometheus_client import REGISTRY

from core.db import Database
from core.replicas import store as replicas
from core.replicas.store import Replica
from reaper.watch.census import Census


def shown(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def beat(database: Database, id: UUID, *, ttl_seconds: float = 15.0, draining: bool = False) -> None:
    async with database.raw() as db:
        await replicas.beat(db, Replica(id, 7, "host"), ttl_seconds=ttl_seconds, draining=draining)


async def test_replicas_are_told_by_how_they_are_doing(database: Database) -> None:
    await beat(database, uuid4())
    await beat(database, uuid4(), draining=True)
    await beat(database, uuid4(), ttl_seconds=-1.0)
    await Census(database).once()
    states = {state: shown("noonmark_replicas", state=state) for state in ("alive", "draining", "lost")}
    assert states == {"alive": 1, "draining": 1, "lost": 1}


async def test_a_replica_that_leaves_is_no_loss_and_its_life_is_measured(database: Database) -> None:
    census, replica = Census(database), uuid4()
    await beat(database, replica)
    async with database.raw() as db:
        await db.execute("UPDATE replicas SET started_at = now() - interval '100 seconds'")
    await census.once()
    left, lost = (
        shown("noonmark_replicas_gone_total", how="left"),
        shown("noonmark_replicas_gone_total", how="lost"),
    )
    lived = shown("noonmark_replica_lifetime_seconds_sum")
    async with database.raw() as db:
        await replicas.leave(db, replica)
    await census.once()
    await census.once()
    assert shown("noonmark_replicas_gone_total", how="left") == left + 1
    assert shown("noonmark_replicas_gone_total", how="lost") == lost
    assert 99 < shown("noonmark_replica_lifetime_seconds_sum") - lived < 130


async def test_a_replica_that_stops_beating_is_lost_once(database: Database) -> None:
    census, replica = Census(database), uuid4()
    await beat(database, replica)
    await census.once()
    lost = shown("noonmark_replicas_gone_total", how="lost")
    await beat(database, replica, ttl_seconds=-1.0)
    await census.once()
    await census.once()
    async with database.raw() as db:
        await replicas.leave(db, replica)
    await census.once()
    assert shown("noonmark_replicas_gone_total", how="lost") == lost + 1
