"""A base backup, an archive, a disaster, and the way back to a moment before it: docs/backup.md, done."""

import asyncio
import shutil
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx
import pytest

from core.db import Database
from local import cluster, postgres
from local.postgres import Postgres
from tests.conftest import migrate
from tests.e2e.fleet import CALM, Fleet
from tests.e2e.work import Work
from tests.waiting import wait_until

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(300)]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Where segments go; whoever the server runs as may write there."""
    made = tmp_path / "archive"
    made.mkdir(mode=0o777)
    made.chmod(0o777)
    for parent in (tmp_path, *tmp_path.parents[:3]):
        parent.chmod(parent.stat().st_mode | 0o011)
    return made


@pytest.fixture
def archiving(tmp_path: Path, archive: Path) -> Iterator[Postgres]:
    """A server of this test's own that keeps every segment."""
    keep = f"test ! -f {archive}/%f && cp %p {archive}/%f.part && mv {archive}/%f.part {archive}/%f"
    settings = {"archive_mode": "on", "archive_command": keep, "wal_level": "replica"}
    with postgres.running(tmp_path / "first", settings=settings) as server:
        asyncio.run(migrate(server.dsn))
        yield server


def back_up(server: Postgres, into: Path) -> None:
    """A base backup, as pg_basebackup takes it."""
    program = cluster.installed() / "pg_basebackup"
    line = [
        str(program),
        f"--dbname={server.dsn}",
        f"--pgdata={into}",
        "--checkpoint=fast",
        "--wal-method=none",
    ]
    done = subprocess.run(line, capture_output=True, check=False, env=cluster.environment())
    assert done.returncode == 0, done.stderr.decode()


async def moment(server: Postgres) -> str:
    """The database's time now."""
    connection = await asyncpg.connect(server.dsn)
    now: str = await connection.fetchval("SELECT clock_timestamp()::text")
    await connection.close()
    return now


async def archived(server: Postgres, archive: Path) -> None:
    """Everything written so far is in the archive."""
    connection = await asyncpg.connect(server.dsn)
    name = await connection.fetchval("SELECT pg_walfile_name(pg_switch_wal())")
    await connection.close()
    await wait_until((archive / name).exists, within=30, what="the segment is archived")


def restore(backup: Path, folder: Path, archive: Path, point: str) -> None:
    """The files of a server that will recover to this moment."""
    folder.mkdir(mode=0o700)
    shutil.copytree(backup, folder / "postgres")
    (folder / "postgres" / "recovery.signal").touch()
    with (folder / "postgres" / "postgresql.auto.conf").open("a") as settings:
        settings.write(f"restore_command = 'cp {archive}/%f %p'\n")
        settings.write(f"recovery_target_time = '{point}'\nrecovery_target_action = 'promote'\n")


async def command(fleet: Fleet, word: str, server: Postgres) -> None:
    """`python -m app WORD` ends well."""
    async with fleet.app(word, dsn=server.dsn) as process:
        assert await process.exit(within=30) == 0, process.tail()


async def test_a_restored_database_calls_nobody_until_an_operator_has_looked(
    tmp_path: Path, archiving: Postgres, archive: Path
) -> None:
    back_up(archiving, tmp_path / "backup")
    with Fleet(archiving.dsn, folder_of(tmp_path, "fleet")) as fleet:
        async with promising(fleet) as work:
            before = await work.submit(2, delay_seconds=2)
            point = await moment(archiving)
            async with fleet.scheduler(settings=CALM):
                await work.ended(within=30)
            after = await work.submit(1)
            await archived(archiving, archive)
            archiving.stop()  # The disaster. Of what came after the moment nothing may be used.
            restore(tmp_path / "backup", tmp_path / "second", archive, point)
            with postgres.running(tmp_path / "second") as restored:
                await come_back(fleet, work, restored, kept=before[0], unwanted=before[1], late=after[0])


@asynccontextmanager
async def promising(fleet: Fleet) -> AsyncIterator[Work]:
    """The jobs of this test, whose database is gone at its end."""
    database = Database(fleet.dsn, name="tests")
    async with fleet.client() as api:
        yield Work(fleet, api, database)
    await database.close()


async def come_back(
    fleet: Fleet, work: Work, restored: Postgres, *, kept: UUID, unwanted: UUID, late: UUID
) -> None:
    """Held, looked at, released."""
    await command(fleet, "quarantine", restored)
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(fleet.app(dsn=restored.dsn))
        client = await stack.enter_async_context(fleet.client(await api.address()))
        scheduler = await stack.enter_async_context(fleet.scheduler(dsn=restored.dsn, settings=CALM))
        reaper = await stack.enter_async_context(fleet.reaper(dsn=restored.dsn, settings=CALM))
        await work.said(scheduler, "quarantined")
        await work.said(reaper, "quarantined")
        # Both were delivered, after the moment that the database is at; a third one it does not know.
        assert {await state(client, job) for job in (kept, unwanted)} == {"queued"}
        assert (await client.get(f"/v1/jobs/{late}")).status_code == 404
        assert (await client.post(f"/v1/jobs/{unwanted}/cancel")).status_code == 200
        assert len(work.arrivals()) == 2

        await command(fleet, "release", restored)
        await wait_until(lambda: len(work.arrivals()) == 3, within=30, what="one job is called again")
    assert sorted(Counter(one.request.message_id for one in work.arrivals()).items()) == sorted(
        [(str(kept), 2), (str(unwanted), 1)]
    )


async def state(client: httpx.AsyncClient, job: UUID) -> str:
    return str((await client.get(f"/v1/jobs/{job}")).raise_for_status().json()["state"])


def folder_of(parent: Path, name: str) -> Path:
    made = parent / name
    made.mkdir()
    return made
