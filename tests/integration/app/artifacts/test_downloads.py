"""A file is sent as an attachment, whole or in a range, to its tenant or to whoever has a link."""

import hashlib
import shutil
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from app.artifacts.links import Links, Purpose
from app.users.keys import derive
from core.db import Database
from core.settings import Settings
from tests.integration.app.artifacts.uploading import keep
from tests.integration.app.conftest import ORIGIN

CONTENT = bytes(range(256)) * 4000


@pytest.fixture
async def path(api: httpx.AsyncClient, job: str, auth: dict[str, str]) -> str:
    await keep(api, job, auth, name='Übersicht "1".html', content=CONTENT)
    return f"/v1/jobs/{job}/artifacts/Übersicht%20%221%22.html"


async def test_it_is_sent_whole_as_an_attachment_that_no_browser_shows(
    api: httpx.AsyncClient, auth: dict[str, str], path: str
) -> None:
    answer = await api.get(path, headers=auth)
    assert (answer.status_code, answer.content) == (200, CONTENT)
    told = answer.headers
    assert told["content-length"] == str(len(CONTENT))
    assert told["content-type"] == "text/html"
    assert told["etag"] == f'"{hashlib.sha256(CONTENT).hexdigest()}"'
    assert told["accept-ranges"] == "bytes"
    assert told["x-content-type-options"] == "nosniff"
    assert told["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert told["content-disposition"] == (
        "attachment; filename=\"_bersicht _1_.html\"; filename*=UTF-8''%C3%9Cbersicht%20%221%22.html"
    )


async def test_a_range_is_sent_alone(api: httpx.AsyncClient, auth: dict[str, str], path: str) -> None:
    answer = await api.get(path, headers={**auth, "Range": "bytes=300000-300009"})
    assert (answer.status_code, answer.content) == (206, CONTENT[300000:300010])
    assert answer.headers["content-range"] == f"bytes 300000-300009/{len(CONTENT)}"
    assert answer.headers["content-length"] == "10"
    last = await api.get(path, headers={**auth, "Range": "bytes=-3"})
    assert (last.status_code, last.content) == (206, CONTENT[-3:])


async def test_a_range_that_is_not_there_says_how_much_is(
    api: httpx.AsyncClient, auth: dict[str, str], path: str
) -> None:
    answer = await api.get(path, headers={**auth, "Range": "bytes=9999999-"})
    assert (answer.status_code, answer.json()["code"]) == (416, "range_not_satisfiable")
    assert answer.headers["content-range"] == f"bytes */{len(CONTENT)}"


async def test_a_range_of_what_has_changed_is_the_whole(
    api: httpx.AsyncClient, auth: dict[str, str], path: str
) -> None:
    asked = {"Range": "bytes=0-9", "If-Range": '"of something else"'}
    assert (await api.get(path, headers=auth | asked)).status_code == 200


async def test_an_empty_file_is_sent(api: httpx.AsyncClient, job: str, auth: dict[str, str]) -> None:
    await keep(api, job, auth, name="empty", content=b"")
    answer = await api.get(f"/v1/jobs/{job}/artifacts/empty", headers=auth)
    assert (answer.status_code, answer.content) == (200, b"")


async def test_a_link_opens_it_without_a_credential(
    api: httpx.AsyncClient, auth: dict[str, str], path: str
) -> None:
    made = await api.post(f"{path}/link", json={"expires_in_seconds": 60}, headers=auth)
    url = made.json()["url"]
    answer = await api.get(url, headers={"Range": "bytes=1-2"})
    assert (answer.status_code, answer.content) == (206, b"\1\2")
    put = await api.put(url, content=b"x")
    assert (put.status_code, put.json()["code"]) == (403, "link_invalid")


async def test_a_link_expires_and_opens_nothing_that_was_deleted(
    api: httpx.AsyncClient, auth: dict[str, str], path: str, settings: Settings
) -> None:
    url = (await api.post(f"{path}/link", headers=auth)).json()["url"]
    links = Links(derive(settings.jwt_secret or "").links, origin=ORIGIN)
    expired = links.make(Purpose.DOWNLOAD, UUID(url.split("/")[-2]), expires=1)
    answer = await api.get(expired)
    assert (answer.status_code, answer.json()["code"]) == (403, "link_expired")
    assert (await api.delete(path, headers=auth)).status_code == 204
    assert (await api.get(url)).status_code == 404
    assert (await api.get(path, headers=auth)).status_code == 404
    assert (await api.delete(path, headers=auth)).status_code == 404


async def test_the_newest_attempts_file_is_sent_unless_another_is_asked_for(
    api: httpx.AsyncClient, job: str, auth: dict[str, str], path: str, database: Database
) -> None:
    async with database.raw() as db:
        await db.execute("UPDATE artifacts SET attempt = 2")
    await keep(api, job, auth, name="b", content=b"uploaded")
    async with database.raw() as db:
        await db.execute("UPDATE artifacts SET name = 'b'")
    whole = f"/v1/jobs/{job}/artifacts/b"
    assert (await api.get(whole, headers=auth)).content == CONTENT
    assert (await api.get(whole, params={"attempt": 0}, headers=auth)).content == b"uploaded"
    assert (await api.get(whole, params={"attempt": 1}, headers=auth)).status_code == 404
    listed = await api.get(f"/v1/jobs/{job}/artifacts", params={"attempt": 2}, headers=auth)
    assert [one["attempt"] for one in listed.json()["items"]] == [2]


async def test_a_list_has_pages(api: httpx.AsyncClient, job: str, auth: dict[str, str]) -> None:
    for name in "abc":
        await keep(api, job, auth, name=name)
    first = (await api.get(f"/v1/jobs/{job}/artifacts", params={"limit": 2}, headers=auth)).json()
    rest = await api.get(f"/v1/jobs/{job}/artifacts", params={"cursor": first["next_cursor"]}, headers=auth)
    names = [one["name"] for one in first["items"] + rest.json()["items"]]
    assert (names, rest.json()["next_cursor"]) == (["a", "b", "c"], None)


async def test_a_storage_that_has_lost_it_is_no_missing_file(
    api: httpx.AsyncClient, auth: dict[str, str], path: str, tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path / "files")
    answer = await api.get(path, headers=auth)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


async def test_a_storage_that_is_away_is_told(
    api: httpx.AsyncClient, job: str, auth: dict[str, str], path: str, tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path / "files")
    (tmp_path / "files").write_text("in the way")
    answer = await api.get(path, headers=auth)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert str(tmp_path) not in answer.text
