"""The API on a database of its own, without a socket: `api` speaks to it, `sign_in` gives a session."""

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from app import application
from app.application import Routes
from app.edge import Edge
from core.db import Database
from core.sealing import Keyring, parse_keys
from core.settings import Settings, load
from tests.capabilities import WITHOUT
from tests.integration.app import conformance
from tests.pooler import Pooler

ORIGIN = "http://127.0.0.1:8080"

SignIn = Callable[[str], Awaitable[dict[str, Any]]]


@pytest.fixture
def served_url(database_url: str, pooler: Pooler | None) -> str:
    """DSN of this test's own database, as the API is given it."""
    return pooler.before(database_url) if pooler else database_url


@pytest.fixture
async def direct(database_url: str) -> AsyncIterator[Database]:
    """This test's own database, for who needs a session as schedulers do."""
    opened = Database(database_url, name="tests")
    yield opened
    await opened.close()


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    """This test's own database, as the API uses it."""
    opened = Database(settings.database_url, name="tests", pooled=settings.pooled)
    yield opened
    await opened.close()


@pytest.fixture
async def second(settings: Settings) -> AsyncIterator[Database]:
    """The same, as another process of the API uses it."""
    opened = Database(settings.database_url, name="second", pooled=settings.pooled)
    yield opened
    await opened.close()


@pytest.fixture
def settings(served_url: str, pooler: Pooler | None, tmp_path: Path) -> Settings:
    return load(
        {
            "DATABASE_URL": served_url,
            "NOONMARK_POOLED": str(pooler is not None).lower(),
            "NOONMARK_WITHOUT": WITHOUT,
            "PUBLIC_URL": ORIGIN,
            "NOONMARK_ENV": "development",
            "NOONMARK_STORAGE_URL": f"file://{tmp_path}/files",
            "NOONMARK_JWT_SECRET": "a secret of tests, of 32 bytes and more",
            "NOONMARK_MASTER_KEYS": "test:" + base64.b64encode(b"k" * 32).decode(),
        }
    )


@pytest.fixture
def keyring(settings: Settings) -> Keyring:
    return parse_keys(settings.master_keys or "")


@pytest.fixture(scope="session")
def routes() -> Routes:
    """Made once, since that takes longer than most tests; each test wires them to what is its own."""
    return Routes(development=True)


@pytest.fixture
def edge(settings: Settings, database: Database, keyring: Keyring, routes: Routes) -> Edge:
    return application.build(settings, database, keyring, routes=routes)


def client(edge: Edge, peer: str = "127.0.0.1") -> httpx.AsyncClient:
    """A client of the application, seen as coming from `peer`; what it is answered must be documented."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(edge, client=(peer, 1)),
        base_url=ORIGIN,
        event_hooks={"response": [conformance.check]},
    )


@pytest.fixture
async def api(edge: Edge) -> AsyncIterator[httpx.AsyncClient]:
    async with client(edge) as opened:
        yield opened


@pytest.fixture
def ask(api: httpx.AsyncClient) -> Callable[[str], Awaitable[str]]:
    """Asks for a link and gives the token in it."""

    async def asked(email: str) -> str:
        answer = await api.post("/v1/auth/magic-link", json={"email": email})
        assert answer.status_code == 202
        outbox = await api.get("/dev/outbox", params={"to": email})
        return str(outbox.json()["items"][0]["link"].partition("#token=")[2])

    return asked


@pytest.fixture
def sign_in(api: httpx.AsyncClient, ask: Callable[[str], Awaitable[str]]) -> SignIn:
    """Signs an address in; gives the answer of `verify`. The client keeps no cookie of it."""

    async def signed_in(email: str) -> dict[str, Any]:
        answer = await api.post("/v1/auth/verify", json={"token": await ask(email)})
        assert answer.status_code == 200
        api.cookies.clear()
        granted: dict[str, Any] = answer.json()
        return granted

    return signed_in


def bearer(grant: dict[str, Any]) -> dict[str, str]:
    """The header of a session."""
    return {"Authorization": f"Bearer {grant['access_token']}"}
