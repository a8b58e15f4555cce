"""`python -m app reseal`: afterwards the old master key is needed for nothing."""

import base64
import os
import subprocess
import sys
from typing import Any

import httpx
import pytest

from app import application
from app.resealing.service import Resealed, reseal
from app.resealing.store import PLACES
from core.db import Database
from core.jobs.model import Outcome
from core.sealing import Keyring, SealBroken
from core.settings import Settings
from core.tables import metadata
from tests.integration.app.conftest import SignIn, bearer, client
from tests.integration.app.jobs.orders import claim, settle

OLD, NEW = b"k" * 32, b"n" * 32
BOTH = Keyring({"new": NEW, "test": OLD})
ONLY_NEW = Keyring({"new": NEW})


@pytest.fixture
async def grant(sign_in: SignIn) -> dict[str, Any]:
    """Signed in, which leaves a mail and a signing secret."""
    return await sign_in("me@example.com")


@pytest.fixture
async def jobs(api: httpx.AsyncClient, grant: dict[str, Any], database: Database) -> None:
    """Five dead letters with secret headers, and a waiting job without."""
    target = {"url": "https://example.com/", "headers": {"Authorization": "canary"}}
    for one in [target] * 5 + [{"url": "https://example.com/"}]:
        assert (await api.post("/v1/jobs", json={"target": one}, headers=bearer(grant))).status_code == 201
        if one is target:
            await settle(database, await claim(database), Outcome.FAILED)


async def sealed(database: Database) -> list[tuple[str, bytes]]:
    """Everything sealed, with its context."""
    found = []
    async with database.raw() as db:
        for place in PLACES:
            rows = await db.fetch(
                f"SELECT {place.owner}, {place.column} FROM {place.table} WHERE {place.column} IS NOT NULL"
            )
            found += [(place.context(owner), value) for owner, value in rows]
    return found


def opens(keyring: Keyring, context: str, value: bytes) -> bool:
    try:
        return bool(keyring.open(value, context=context))
    except SealBroken:
        return False


def test_every_sealed_column_is_known() -> None:
    columns = {
        (table.name, column.name)
        for table in metadata.sorted_tables
        for column in table.columns
        if column.name.startswith("sealed")
    }
    assert columns == {(place.table, place.column) for place in PLACES}


@pytest.mark.usefixtures("jobs")
@pytest.mark.parametrize("batch", [1, 2, 500])
async def test_afterwards_the_old_key_opens_nothing_and_is_not_needed(database: Database, batch: int) -> None:
    before = await sealed(database)
    assert not any(opens(ONLY_NEW, *one) for one in before)
    assert await reseal(database, BOTH, batch=batch) == Resealed(len(before), broken=0)
    after = await sealed(database)
    assert len(after) == len(before) >= 8
    assert all(opens(ONLY_NEW, *one) for one in after)
    plain = sorted(BOTH.open(value, context=context) for context, value in before)
    assert sorted(ONLY_NEW.open(value, context=context) for context, value in after) == plain


@pytest.mark.usefixtures("jobs")
async def test_a_second_time_changes_nothing(database: Database) -> None:
    await reseal(database, BOTH)
    after = await sealed(database)
    assert await reseal(database, BOTH) == Resealed(0, 0)
    assert await sealed(database) == after


@pytest.mark.usefixtures("jobs")
async def test_what_does_not_open_is_counted_and_left_alone(database: Database) -> None:
    async with database.raw() as db:
        await db.execute("UPDATE signing_secrets SET sealed = sealed || 'x'")
    before = len(await sealed(database))
    assert await reseal(database, BOTH) == Resealed(before - 1, broken=1)
    async with database.raw() as db:
        assert (await db.fetchval("SELECT sealed FROM signing_secrets")).endswith(b"x")


@pytest.mark.usefixtures("jobs")
async def test_the_api_works_with_the_new_key_alone(
    settings: Settings, database: Database, grant: dict[str, Any]
) -> None:
    await reseal(database, BOTH)
    async with client(application.build(settings, database, ONLY_NEW)) as opened:
        answer = await opened.get("/v1/signing-secrets", headers=bearer(grant))
    assert answer.json()["items"][0]["secret"].startswith("whsec_")


@pytest.mark.usefixtures("jobs")
@pytest.mark.parametrize(("keys", "code"), [("new,test", 0), ("new", 1)])
def test_the_command_says_what_it_did_by_its_exit_code(settings: Settings, keys: str, code: int) -> None:
    named = {"new": NEW, "test": OLD}
    setting = ",".join(f"{name}:{base64.b64encode(named[name]).decode()}" for name in keys.split(","))
    done = subprocess.run(
        [sys.executable, "-m", "app", "reseal"],
        env={
            "PATH": os.environ["PATH"],
            "DATABASE_URL": settings.database_url,
            "NOONMARK_POOLED": str(settings.pooled).lower(),
            "NOONMARK_MASTER_KEYS": setting,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert done.stdout.startswith("resealed ")
