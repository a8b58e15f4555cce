"""The receivers for web frameworks, each asked as its framework asks in tests."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from types import ModuleType

import httpx
import pytest
from django.conf import settings
from django.test import Client as DjangoClient
from litestar.testing import TestClient as LitestarClient
from standardwebhooks import Webhook

from core.signing import new_secret
from examples import receive_with_django, receive_with_fastapi, receive_with_flask, receive_with_litestar

SECRET = new_secret()
# Spaces and digits that parsing and writing again would change.
BODY = '{"a":  1.0, "b":"ü"}'

Post = Callable[[str, dict[str, str]], int]
"""Delivers a body with headers; the status that was answered."""


def litestar(body: str, headers: dict[str, str]) -> int:
    with LitestarClient(receive_with_litestar.app) as client:
        return client.post("/hook", content=body.encode(), headers=headers).status_code


def fastapi(body: str, headers: dict[str, str]) -> int:
    async def posted() -> httpx.Response:
        transport = httpx.ASGITransport(receive_with_fastapi.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.post("/hook", content=body.encode(), headers=headers)

    return asyncio.run(posted()).status_code


def flask(body: str, headers: dict[str, str]) -> int:
    return receive_with_flask.app.test_client().post("/hook", data=body.encode(), headers=headers).status_code


def django(body: str, headers: dict[str, str]) -> int:
    if not settings.configured:
        settings.configure(ROOT_URLCONF=receive_with_django.__name__, ALLOWED_HOSTS=["testserver"])
    client = DjangoClient(enforce_csrf_checks=True, headers=headers)
    return client.post("/hook", body.encode(), content_type="application/json").status_code


RECEIVERS: list[tuple[ModuleType, Post]] = [
    (receive_with_litestar, litestar),
    (receive_with_fastapi, fastapi),
    (receive_with_flask, flask),
    (receive_with_django, django),
]


@pytest.fixture(params=RECEIVERS, ids=lambda receiver: receiver[1].__name__)
def post(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Post:
    module: ModuleType
    deliver: Post
    module, deliver = request.param
    monkeypatch.setattr(module, "SECRETS", [SECRET])
    return deliver


def signed(body: str, secret: str = SECRET) -> dict[str, str]:
    at = datetime.now(UTC)
    return {
        "webhook-id": "job-1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign("job-1", at, body),
        "x-noonmark-attempt": "2",
        "content-type": "application/json",
    }


def test_a_signed_delivery_is_worked_on(post: Post, capsys: pytest.CaptureFixture[str]) -> None:
    assert post(BODY, signed(BODY)) == 204
    assert capsys.readouterr().out == f"job job-1, attempt 2: {BODY.encode()!r}\n"


@pytest.mark.parametrize("body", ["", "no json", "{"])
def test_any_bytes_can_be_delivered(post: Post, body: str) -> None:
    assert post(body, signed(body)) == 204


def test_what_was_changed_is_refused_and_not_worked_on(
    post: Post, capsys: pytest.CaptureFixture[str]
) -> None:
    assert post(BODY.replace("  ", " "), signed(BODY)) == 401
    assert "job-1" not in capsys.readouterr().out


def test_what_is_not_signed_is_refused(post: Post) -> None:
    assert post(BODY, {"content-type": "application/json"}) == 401
    assert post(BODY, signed(BODY, new_secret())) == 401
