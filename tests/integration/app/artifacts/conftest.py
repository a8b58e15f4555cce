"""A tenant with a job that files are uploaded to."""

import httpx
import msgspec
import pytest

from core.settings import Settings
from tests.integration.app.conftest import SignIn, bearer

JOB = {"target": {"url": "https://example.com/"}, "delay_seconds": 3600}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, artifact_mb=2, artifact_quota_mb=3)


@pytest.fixture
async def auth(sign_in: SignIn) -> dict[str, str]:
    return bearer(await sign_in("ada@example.com"))


@pytest.fixture
async def job(api: httpx.AsyncClient, auth: dict[str, str]) -> str:
    return str((await api.post("/v1/jobs", json=JOB, headers=auth)).json()["id"])
