"""A file is uploaded by a link, whole, once, within its tenant's room, and seen after it was confirmed."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.artifacts.links import Links, Purpose
from app.users.keys import derive
from core.db import Database
from core.settings import Settings
from tests.integration.app.artifacts.uploading import authorize, keep, link
from tests.integration.app.conftest import ORIGIN, SignIn, bearer

MIB = 1024 * 1024


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    return tmp_path / "files"


def on_disk(stored: Path) -> list[int]:
    return [os.path.getsize(Path(at, name)) for at, _, names in os.walk(stored) for name in names]


async def listing(api: httpx.AsyncClient, job: str, auth: dict[str, str]) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await api.get(f"/v1/jobs/{job}/artifacts", headers=auth)).json()["items"]
    return items


async def usage(database: Database) -> int:
    async with database.raw() as db:
        return int(await db.fetchval("SELECT coalesce(sum(bytes), 0) FROM artifact_usage"))


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, str(answer.json()["code"])


async def test_it_is_seen_once_it_is_confirmed(
    api: httpx.AsyncClient, job: str, auth: dict[str, str]
) -> None:
    url = await link(api, job, auth, name="Übersicht.pdf", size=5)
    assert (await api.put(url, content=b"hello")).status_code == 204
    assert await listing(api, job, auth) == []
    assert (await api.get(f"/v1/jobs/{job}/artifacts/Übersicht.pdf", headers=auth)).status_code == 404
    answer = await api.post(f"/v1/jobs/{job}/artifacts/Übersicht.pdf/confirm", headers=auth)
    [found] = await listing(api, job, auth)
    assert found == answer.json()
    assert found.pop("created_at")
    assert found == {
        "name": "Übersicht.pdf",
        "attempt": None,
        "size": 5,
        "sha256": hashlib.sha256(b"hello").hexdigest(),
        "content_type": "application/pdf",
    }


async def test_a_link_needs_no_credential_and_a_confirmation_may_be_repeated(
    api: httpx.AsyncClient, job: str, auth: dict[str, str]
) -> None:
    first = await keep(api, job, auth)
    again = await api.post(f"/v1/jobs/{job}/artifacts/a.txt/confirm", headers=auth)
    assert (again.status_code, again.json()) == (200, first)


async def test_what_was_not_put_is_not_confirmed(
    api: httpx.AsyncClient, job: str, auth: dict[str, str]
) -> None:
    await link(api, job, auth, name="a.txt", size=5)
    answer = await api.post(f"/v1/jobs/{job}/artifacts/a.txt/confirm", headers=auth)
    assert code(answer) == (409, "not_uploaded")
    assert (await api.post(f"/v1/jobs/{job}/artifacts/b.txt/confirm", headers=auth)).status_code == 404


async def test_a_name_is_given_once(api: httpx.AsyncClient, job: str, auth: dict[str, str]) -> None:
    await link(api, job, auth, name="a.txt", size=5)
    assert code(await authorize(api, job, auth, name="a.txt", size=5)) == (409, "artifact_exists")
    await keep(api, job, auth, name="b.txt")
    assert code(await authorize(api, job, auth, name="b.txt", size=5)) == (409, "artifact_exists")


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "a\\b", "..", "a\u202eb"])
async def test_a_name_that_is_a_path_or_cannot_be_shown_is_refused(
    api: httpx.AsyncClient, job: str, auth: dict[str, str], name: str
) -> None:
    answer = await authorize(api, job, auth, name=name, size=5)
    assert code(answer) == (422, "validation_failed")
    assert answer.json()["errors"][0]["pointer"] == "/name"


async def test_a_content_type_that_is_none_is_refused(
    api: httpx.AsyncClient, job: str, auth: dict[str, str]
) -> None:
    answer = await authorize(api, job, auth, name="a", size=5, content_type="text/html\r\nX: y")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/content_type")


async def test_what_is_too_large_is_refused_before_a_byte_is_stored(
    api: httpx.AsyncClient, job: str, auth: dict[str, str], stored: Path
) -> None:
    assert code(await authorize(api, job, auth, name="a", size=2 * MIB + 1)) == (413, "payload_too_large")
    url = await link(api, job, auth, name="a", size=5)
    assert code(await api.put(url, content=b"hello!")) == (413, "payload_too_large")
    assert on_disk(stored) == []


async def test_endless_bytes_are_cut_off_and_not_kept(
    api: httpx.AsyncClient, job: str, auth: dict[str, str], stored: Path
) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100 * MIB:
            sent += 65536
            yield bytes(65536)

    url = await link(api, job, auth, name="a", size=MIB)
    assert code(await api.put(url, content=endless())) == (413, "payload_too_large")
    assert on_disk(stored) == []


async def test_fewer_bytes_than_announced_are_not_kept(
    api: httpx.AsyncClient, job: str, auth: dict[str, str], stored: Path
) -> None:
    async def short() -> AsyncIterator[bytes]:
        yield b"hell"

    url = await link(api, job, auth, name="a", size=5)
    for content in (b"hell", short()):
        answer = await api.put(url, content=content)
        assert code(answer) == (422, "validation_failed")
        assert answer.json()["errors"][0]["code"] == "wrong_length"
    assert on_disk(stored) == []
    assert (await api.put(url, content=b"hello")).status_code == 204


async def test_another_content_than_announced_is_not_kept(
    api: httpx.AsyncClient, job: str, auth: dict[str, str], stored: Path
) -> None:
    expected = hashlib.sha256(b"hello").hexdigest()
    url = await link(api, job, auth, name="a", size=5, sha256=expected)
    answer = await api.put(url, content=b"HELLO")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "wrong_checksum")
    assert on_disk(stored) == []
    assert (await api.put(url, content=b"hello")).status_code == 204


async def test_it_is_put_once(api: httpx.AsyncClient, job: str, auth: dict[str, str]) -> None:
    url = await link(api, job, auth, name="a", size=5)
    assert (await api.put(url, content=b"hello")).status_code == 204
    assert code(await api.put(url, content=b"HELLO")) == (409, "already_uploaded")


async def test_it_is_put_by_one_at_a_time(api: httpx.AsyncClient, job: str, auth: dict[str, str]) -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"he"
        begun.set()
        await go.wait()
        yield b"llo"

    url = await link(api, job, auth, name="a", size=5)
    putting = asyncio.create_task(api.put(url, content=slow()))
    await begun.wait()
    assert code(await api.put(url, content=b"HELLO")) == (409, "upload_in_progress")
    go.set()
    assert (await putting).status_code == 204


async def test_a_link_that_was_changed_opens_nothing(
    api: httpx.AsyncClient, job: str, auth: dict[str, str]
) -> None:
    url = await link(api, job, auth, name="a", size=5)
    other = await link(api, job, auth, name="b", size=5)
    longer = url.replace("expires=", "expires=9")
    moved = url.replace(url.split("/")[-2], other.split("/")[-2])
    for changed in (longer, moved, url[:-1] + ("A" if url[-1] != "A" else "B")):
        assert code(await api.put(changed, content=b"hello")) == (403, "link_invalid")
    assert code(await api.get(url)) == (403, "link_invalid")


async def test_a_link_expires(
    api: httpx.AsyncClient, job: str, auth: dict[str, str], settings: Settings
) -> None:
    url = await link(api, job, auth, name="a", size=5)
    links = Links(derive(settings.jwt_secret or "").links, origin=ORIGIN)
    expired = links.make(Purpose.UPLOAD, UUID(url.split("/")[-2]), expires=1)
    assert code(await api.put(expired, content=b"hello")) == (403, "link_expired")


async def test_a_tenant_has_so_much_room_and_gets_it_back_by_deleting(
    api: httpx.AsyncClient, job: str, auth: dict[str, str], database: Database
) -> None:
    await keep(api, job, auth, name="a", content=bytes(2 * MIB))
    answer = await authorize(api, job, auth, name="b", size=MIB + 1)
    assert code(answer) == (409, "artifact_quota_reached")
    assert (await authorize(api, job, auth, name="c", size=MIB)).status_code == 201
    assert await usage(database) == 3 * MIB


async def test_two_at_once_do_not_get_more_than_there_is_room_for(
    api: httpx.AsyncClient, job: str, auth: dict[str, str], database: Database
) -> None:
    asked = [authorize(api, job, auth, name=f"{number}", size=MIB) for number in range(6)]
    answers = await asyncio.gather(*asked)
    assert sorted(answer.status_code for answer in answers) == [201, 201, 201, 409, 409, 409]
    assert await usage(database) == 3 * MIB


async def test_another_tenants_job_is_unknown(
    api: httpx.AsyncClient, job: str, auth: dict[str, str], sign_in: SignIn
) -> None:
    await keep(api, job, auth)
    stranger = bearer(await sign_in("eve@example.com"))
    named = [("GET", "/a.txt"), ("DELETE", "/a.txt"), ("POST", "/a.txt/confirm"), ("POST", "/a.txt/link")]
    for method, path in [("GET", ""), *named]:
        answer = await api.request(method, f"/v1/jobs/{job}/artifacts{path}", headers=stranger)
        assert code(answer) == (404, "not_found")
    assert code(await authorize(api, job, stranger, name="b", size=1)) == (404, "not_found")


async def test_a_cut_connection_leaves_nothing_and_the_upload_can_be_tried_again(
    api: httpx.AsyncClient, job: str, auth: dict[str, str], stored: Path, edge: Any
) -> None:
    url = httpx.URL(await link(api, job, auth, name="a", size=5))
    messages: Iterator[dict[str, Any]] = iter([
        {"type": "http.request", "body": b"he", "more_body": True},
        {"type": "http.disconnect"},
    ])  # fmt: skip
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return next(messages)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "PUT", "path": url.path, "raw_path": url.path.encode(), "root_path": "",
        "query_string": url.query, "headers": [(b"host", b"127.0.0.1")], "http_version": "1.1",
        "scheme": "http", "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1),
    }  # fmt: skip
    await edge(scope, receive, send)
    assert sent[0]["status"] == 400
    assert on_disk(stored) == []
    assert (await api.put(str(url), content=b"hello")).status_code == 204
