"""`python -m app` as an operator sees it: settings, exit codes, the ready line, and leaving in order."""

import asyncio
import base64
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import msgspec
import pytest

from app.__main__ import main
from core.db import Database
from core.schema import EXPECTED
from core.settings import Settings
from tests.conftest import at

ROOT = Path(__file__).parents[3]

Environment = dict[str, str]


@pytest.fixture
def environment(settings: Settings) -> Environment:
    return {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": settings.database_url,
        "NOONMARK_POOLED": str(settings.pooled).lower(),
        "NOONMARK_WITHOUT": settings.without,
        "PORT": "0",
        "NOONMARK_ENV": "development",
        "NOONMARK_JWT_SECRET": "a secret of tests, of 32 bytes and more",
        "NOONMARK_MASTER_KEYS": "test:" + base64.b64encode(b"k" * 32).decode(),
    }


async def start(environment: Environment, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        "-m",
        "app",
        *arguments,
        cwd=ROOT,
        env=environment,
        stdout=-1,
        stderr=-1,
    )


async def run(environment: Environment, *arguments: str) -> tuple[int, str, str]:
    process = await start(environment, *arguments)
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


class Serving(msgspec.Struct):
    """A process that said it is ready."""

    process: asyncio.subprocess.Process
    url: str

    async def leave(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Its exit code and what it logged."""
        self.process.send_signal(number)
        _, err = await self.process.communicate()
        return self.process.returncode or 0, err.decode()


@asynccontextmanager
async def serving_process(environment: Environment, *arguments: str) -> AsyncIterator[Serving]:
    process = await start(environment, *arguments)
    assert process.stdout is not None
    try:
        line = (await process.stdout.readline()).decode()
        assert line.startswith("ready http://127.0.0.1:"), (line, await process.communicate())
        yield Serving(process, line.split()[1])
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def test_it_serves_says_so_and_leaves_in_order(environment: Environment) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        async with serving_process(environment) as serving, httpx.AsyncClient(base_url=serving.url) as api:
            answer = await api.get("/readyz")
            assert (answer.status_code, answer.json()) == (200, {"status": "ready"})
            assert "server" not in answer.headers
            code, log = await serving.leave(number)
            assert (code, "Traceback" in log) == (0, False)


async def test_a_server_that_was_told_to_stop_says_so_and_serves_on_for_its_notice(
    environment: Environment,
) -> None:
    notice = environment | {"NOONMARK_LEAVE_SECONDS": "60"}
    async with serving_process(notice) as serving, httpx.AsyncClient(base_url=serving.url) as api:
        serving.process.send_signal(signal.SIGTERM)

        async def leaving() -> bool:
            return (await api.get("/readyz")).status_code == 503

        await until(leaving)
        assert (await api.get("/readyz")).json()["errors"][0]["code"] == "leaving"
        async with httpx.AsyncClient(base_url=serving.url) as stranger:
            answer = await stranger.post("/v1/auth/magic-link", json={"email": "a@x.io"})
        assert answer.status_code == 202
        # A second signal cuts the notice short, and the process ends in order.
        code, log = await serving.leave()
        assert (code, "Traceback" in log) == (0, False)


async def test_mail_goes_out_beside_the_server(environment: Environment, database: Database) -> None:
    async with serving_process(environment) as serving, httpx.AsyncClient(base_url=serving.url) as api:
        await api.post("/v1/auth/magic-link", json={"email": "a@x.io"})
        (mail,) = (await api.get("/dev/outbox", params={"to": "a@x.io"})).json()["items"]
        assert mail["link"].startswith(f"{serving.url}/sign-in#token=")
        async with database.raw() as connection:
            await until(lambda: connection.fetchval("SELECT sent_at IS NOT NULL FROM mails"))
        _, log = await serving.leave()
    assert "mail_kept" in log
    assert mail["link"].partition("=")[2] not in log


async def test_a_request_in_flight_is_answered_before_it_leaves(environment: Environment) -> None:
    async with serving_process(environment) as serving:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(serving.url.rpartition(":")[2]))
        writer.write(
            b"POST /v1/auth/verify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 13\r\nExpect: 100-continue\r\n\r\n"
        )
        assert (await reader.readline()).startswith(b"HTTP/1.1 100")
        serving.process.send_signal(signal.SIGTERM)
        await until(lambda: closed(serving.url))
        writer.write(b'{"token":"x"}')
        rest = await reader.read()
        assert rest.startswith(b"\r\nHTTP/1.1 401")
        writer.close()
        assert await serving.process.wait() == 0


async def closed(url: str) -> bool:
    """Whether nobody listens there."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    except OSError:
        return True
    writer.close()
    return False


async def until(check: Callable[[], Awaitable[bool]]) -> None:
    """Wait for another process, with a deadline."""
    async with asyncio.timeout(20):
        while True:
            if await check():
                return
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"DATABASE_URL": ""}, "DATABASE_URL"),
        ({"DATABASE_URL": "mysql://x"}, "DATABASE_URL"),
        ({"NOONMARK_JWT_SECRET": ""}, "NOONMARK_JWT_SECRET"),
        ({"NOONMARK_JWT_SECRET": "sEcReT"}, "NOONMARK_JWT_SECRET"),
        ({"NOONMARK_MASTER_KEYS": ""}, "NOONMARK_MASTER_KEYS"),
        ({"NOONMARK_MASTER_KEYS": "a:sEcReT"}, "NOONMARK_MASTER_KEYS"),
        ({"NOONMARK_MASTER_KEYS": "A:" + base64.b64encode(b"k" * 32).decode()}, "NOONMARK_MASTER_KEYS"),
        ({"NOONMARK_ENV": "production"}, "PUBLIC_URL"),
        ({"NOONMARK_ENV": "staging"}, "NOONMARK_ENV"),
        ({"PORT": "70000"}, "PORT"),
        ({"PUBLIC_URL": "ftp://x"}, "PUBLIC_URL"),
        ({"SMTP_URL": "mail.test"}, "SMTP_URL"),
    ],
)
def test_a_wrong_setting_ends_it_by_its_name(
    environment: Environment,
    changes: Environment,
    named: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(os, "environ", environment | changes)
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"{named}: ")
    assert "sEcReT" not in err


async def test_a_wrong_setting_leaves_no_traceback(environment: Environment) -> None:
    code, out, err = await run(environment | {"DATABASE_URL": ""})
    assert (code, out, err) == (2, "", "DATABASE_URL: is needed and not set\n")


async def test_a_taken_port_ends_it_by_its_name(environment: Environment) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, _, err = await run(environment | {"PORT": str(taken.getsockname()[1])})
    assert code == 2
    assert err.startswith("PORT: ")


async def test_a_wrong_argument_gets_the_usage(environment: Environment) -> None:
    code, _, err = await run(environment, "serve")
    assert code == 2
    assert err.startswith("usage: ")


@pytest.fixture
async def empty(settings: Settings, direct: Database) -> AsyncIterator[str]:
    """The DSN of a database without a schema."""
    name = f"empty_{os.getpid()}_{id(direct)}"
    async with direct.raw() as connection:
        await connection.execute(f"CREATE DATABASE {name}")
    yield at(settings.database_url, name)
    async with direct.raw() as connection:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def test_without_a_schema_it_says_what_to_do(environment: Environment, empty: str) -> None:
    code, out, err = await run(environment | {"DATABASE_URL": empty})
    assert (code, out) == (1, "")
    assert "python -m app migrate" in err.splitlines()[-1]
    assert "Traceback" not in err


async def test_migrating_first_makes_an_empty_database_serve(environment: Environment, empty: str) -> None:
    async with serving_process(environment | {"DATABASE_URL": empty}, "--migrate") as serving:
        assert (await serving.leave())[0] == 0


@pytest.mark.parametrize("without", ["", "advisory_locks", "partitions,advisory_locks"])
async def test_several_may_migrate_an_empty_database_at_once(
    environment: Environment, settings: Settings, empty: str, without: str
) -> None:
    target = environment | {"DATABASE_URL": empty, "NOONMARK_WITHOUT": without}
    results = await asyncio.gather(*(run(target, "migrate") for _ in range(3)))
    assert [code for code, _, _ in results] == [0, 0, 0], results
    database = Database(empty, name="tests", pooled=settings.pooled)
    async with database.raw() as connection:
        assert await connection.fetchval("SELECT version_num FROM alembic_version") == EXPECTED
    await database.close()


async def test_an_unreachable_database_is_waited_for_while_serving(environment: Environment) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    away = environment | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "PORT": str(port)}
    process = await start(away)
    url = f"http://127.0.0.1:{port}"

    async def listening() -> bool:
        return not await closed(url)

    async with httpx.AsyncClient(base_url=url) as api:
        await until(listening)
        assert (await api.get("/healthz")).status_code == 200
        answer = await api.get("/readyz")
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (503, "database")
    process.terminate()
    out, err = await process.communicate()
    assert (process.returncode, out) == (0, b"")
    assert b"not_ready" in err


async def test_the_openapi_document_needs_nothing() -> None:
    code, out, err = await run({"PATH": os.environ["PATH"]}, "openapi")
    assert (code, err) == (0, "")
    assert msgspec.json.decode(out)["openapi"].startswith("3.")
