"""Which web pages may call the API: those that are listed, and nothing that only resembles them."""

import httpx
import msgspec
import pytest

from app import application
from core.db import Database
from core.sealing import Keyring
from core.settings import Settings
from tests.integration.app.conftest import client

ORIGIN = "https://app.example.com"
ASKING = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, cors_origins=f"{ORIGIN}, https://other.example.com:8443")


def granted(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


async def test_a_listed_page_may_read_answers_and_refusals(api: httpx.AsyncClient) -> None:
    for path in ("/healthz", "/v1/me", "/nowhere", "//double"):
        answer = await api.get(path, headers={"Origin": ORIGIN})
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert "x-ratelimit-remaining" in answer.headers["access-control-expose-headers"].lower()
        assert answer.headers["vary"] == "Origin"


async def test_a_listed_page_is_told_what_it_may_send(api: httpx.AsyncClient) -> None:
    answer = await api.options("/v1/jobs", headers=ASKING | {"Origin": ORIGIN})
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "authorization" in answer.headers["access-control-allow-headers"].lower()
    assert "PATCH" in answer.headers["access-control-allow-methods"]


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example.com.evil.io",
        "https://evil.io",
        "https://xapp.example.com",
        "http://app.example.com",
        "https://app.example.com:443",
        "https://APP.example.com",
        "https://other.example.com",
        "null",
        "*",
        "",
    ],
)
async def test_no_other_origin_is_let_in(api: httpx.AsyncClient, origin: str) -> None:
    assert granted(await api.get("/healthz", headers={"Origin": origin})) == {}
    asked = await api.options("/v1/jobs", headers=ASKING | {"Origin": origin})
    assert (asked.status_code >= 400, granted(asked)) == (True, {})


async def test_two_origins_are_none(api: httpx.AsyncClient) -> None:
    twice = [("Origin", ORIGIN), ("Origin", ORIGIN)]
    assert granted(await api.get("/healthz", headers=twice)) == {}


async def test_credentials_are_never_allowed(api: httpx.AsyncClient) -> None:
    for answer in (
        await api.get("/healthz", headers={"Origin": ORIGIN}),
        await api.options("/v1/jobs", headers=ASKING | {"Origin": ORIGIN}),
    ):
        assert "access-control-allow-credentials" not in answer.headers


async def test_an_options_that_is_no_preflight_is_guarded(api: httpx.AsyncClient) -> None:
    assert (await api.options("/v1/jobs", headers={"Origin": ORIGIN})).status_code in (401, 405)


async def test_without_the_setting_nobody_is_let_in(
    settings: Settings, database: Database, keyring: Keyring
) -> None:
    bare = msgspec.structs.replace(settings, cors_origins="")
    async with client(application.build(bare, database, keyring)) as opened:
        answer = await opened.get("/healthz", headers={"Origin": ORIGIN})
    assert granted(answer) == {}
    assert "vary" not in answer.headers
