"""Probes: what they ask, and what they say when something is missing."""

import httpx
import pytest

from app import application
from app.health import readiness
from app.migration import migrate
from core.db import Database
from core.errors import SchemaError
from core.schema import EXPECTED
from core.sealing import Keyring
from core.settings import Settings


async def test_a_migrated_database_is_ready(api: httpx.AsyncClient) -> None:
    answer = await api.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})


async def test_without_a_database_the_process_lives_and_is_not_ready(
    settings: Settings, keyring: Keyring
) -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/none", name="tests")
    edge = application.build(settings, away, keyring)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(edge), base_url="http://x") as api:
        assert (await api.get("/healthz")).status_code == 200
        answer = await api.get("/readyz")
        assert answer.status_code == 503
        assert [check["code"] for check in answer.json()["errors"]] == ["database"]
    await away.close()


async def test_another_schema_is_not_ready(api: httpx.AsyncClient, database: Database) -> None:
    async with database.raw() as connection:
        await connection.execute("UPDATE alembic_version SET version_num = '0000'")
    answer = await api.get("/readyz")
    assert answer.status_code == 503
    assert [check["code"] for check in answer.json()["errors"]] == ["schema"]


async def test_a_newer_schema_that_still_serves_this_version_is_ready(
    api: httpx.AsyncClient, database: Database
) -> None:
    await migrate(database)
    async with database.raw() as connection:
        await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert (await api.get("/readyz")).status_code == 200
    # An old container that starts once more has nothing to migrate.
    await migrate(database)


async def test_migrating_a_schema_that_serves_this_version_no_more_is_refused(database: Database) -> None:
    async with database.raw() as connection:
        await connection.execute("UPDATE alembic_version SET version_num = '9999'")
        await connection.execute("COMMENT ON TABLE alembic_version IS '9998'")
    with pytest.raises(SchemaError, match="9999"):
        await migrate(database)


async def test_a_database_that_was_never_migrated_is_not_ready(
    api: httpx.AsyncClient, database: Database
) -> None:
    async with database.raw() as connection:
        await connection.execute("DROP TABLE alembic_version")
    answer = await api.get("/readyz")
    assert answer.status_code == 503
    assert "none" in answer.json()["detail"]


@pytest.mark.capability("partitions")
@pytest.mark.parametrize("ahead", [1, 2])
async def test_no_room_for_the_history_of_two_days_is_not_ready(
    api: httpx.AsyncClient, database: Database, ahead: int
) -> None:
    async with database.raw() as connection:
        day = await connection.fetchval(
            "SELECT to_char(now() AT TIME ZONE 'UTC' + $1 * interval '1 day', 'YYYYMMDD')", ahead
        )
        await connection.execute(f"DROP TABLE events_p{day}")
    answer = await api.get("/readyz")
    assert answer.status_code == 503
    assert [check["code"] for check in answer.json()["errors"]] == ["partitions"]


async def test_a_history_without_partitions_has_room_for_ever(plain: Database) -> None:
    assert await readiness.check(plain) == []


async def test_metrics_count_requests(api: httpx.AsyncClient) -> None:
    await api.get("/healthz")
    answer = await api.get("/metrics")
    assert answer.headers["content-type"].count("charset") == 1
    text = answer.text
    assert 'noonmark_http_requests_total{method="GET",status="200"}' in text


async def test_migrating_twice_is_migrating_once(database: Database) -> None:
    await migrate(database)
    async with database.raw() as connection:
        assert await connection.fetchval("SELECT version_num FROM alembic_version") == EXPECTED
