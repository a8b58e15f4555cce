"""Two tenants, forms with videos, and what schedulers make of them; nothing here encodes."""

from pathlib import Path

import httpx
import pytest

from core.settings import Settings
from tests.integration.app.conftest import SignIn, bearer


@pytest.fixture
async def mine(sign_in: SignIn) -> dict[str, str]:
    return bearer(await sign_in("me@example.com"))


@pytest.fixture
async def theirs(sign_in: SignIn) -> dict[str, str]:
    return bearer(await sign_in("somebody.else@example.com"))


@pytest.fixture
def me(api: httpx.AsyncClient, mine: dict[str, str]) -> httpx.AsyncClient:
    """The API as I see it."""
    api.headers.update(mine)
    return api


@pytest.fixture
def kept(settings: Settings) -> Path:
    """Where the storage has its files."""
    assert settings.storage_url is not None
    return Path(settings.storage_url.removeprefix("file://"))
