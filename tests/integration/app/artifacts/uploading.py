"""Uploading by the three steps, for tests."""

from typing import Any

import httpx


async def authorize(api: httpx.AsyncClient, job: str, auth: dict[str, str], **asked: Any) -> httpx.Response:
    """The first step."""
    return await api.post(f"/v1/jobs/{job}/artifacts", json=asked, headers=auth)


async def link(api: httpx.AsyncClient, job: str, auth: dict[str, str], **asked: Any) -> str:
    """Where to put it."""
    answer = await authorize(api, job, auth, **asked)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["url"])


async def keep(
    api: httpx.AsyncClient, job: str, auth: dict[str, str], *, name: str = "a.txt", content: bytes = b"hello"
) -> dict[str, Any]:
    """All three; the file."""
    url = await link(api, job, auth, name=name, size=len(content))
    put = await api.put(url, content=content)
    assert put.status_code == 204, put.text
    answer = await api.post(f"/v1/jobs/{job}/artifacts/{name}/confirm", headers=auth)
    assert answer.status_code == 200, answer.text
    kept: dict[str, Any] = answer.json()
    return kept
