"""`mine` is the API as a signed-in user sees it, `theirs` as a user of another tenant does."""

from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest

from app import application
from app.application import Routes
from app.edge import Edge
from app.hints import Hints
from core.db import Database
from core.sealing import Keyring
from core.settings import Settings
from tests.integration.app.conftest import SignIn, bearer, client


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """As in development: loopback may be called, and nothing else that is private."""
    return msgspec.structs.replace(settings, egress_allow="127.0.0.0/8")


@pytest.fixture
def hints(database: Database) -> Hints:
    """What the application says to schedulers; nothing is sent before `once`."""
    return Hints(database)


@pytest.fixture
def edge(settings: Settings, database: Database, keyring: Keyring, hints: Hints, routes: Routes) -> Edge:
    return application.build(settings, database, keyring, hints, routes=routes)


@pytest.fixture
async def mine(edge: Edge, sign_in: SignIn) -> AsyncIterator[httpx.AsyncClient]:
    async with client(edge) as opened:
        opened.headers.update(bearer(await sign_in("me@example.com")))
        yield opened


@pytest.fixture
async def theirs(edge: Edge, sign_in: SignIn) -> AsyncIterator[httpx.AsyncClient]:
    async with client(edge) as opened:
        opened.headers.update(bearer(await sign_in("somebody.else@example.com")))
        yield opened
