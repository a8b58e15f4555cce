"""Credentials for tests: sessions, API tokens, and clients that carry them."""

from collections.abc import Sequence
from typing import Any

import httpx

from app.edge import Edge
from tests.integration.app.conftest import client

ALL = ("jobs:read", "jobs:write", "admin")


async def make_token(
    api: httpx.AsyncClient, auth: dict[str, str], scopes: Sequence[str] = ALL, **given: Any
) -> dict[str, Any]:
    """A new token's answer."""
    asked = {"name": "test", "scopes": list(scopes)} | given
    answer = await api.post("/v1/tokens", json=asked, headers=auth)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def carrying(token: dict[str, Any]) -> dict[str, str]:
    """The header of an API token."""
    return {"Authorization": f"Bearer {token['token']}"}


def holder(edge: Edge, auth: dict[str, str]) -> httpx.AsyncClient:
    """A client that always sends this header."""
    opened = client(edge)
    opened.headers.update(auth)
    return opened
