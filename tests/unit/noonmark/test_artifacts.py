"""Files of jobs by both clients: they are read while they are sent."""

import hashlib
import io
import json
import os
from pathlib import Path

import httpx
import pytest
import respx

import noonmark
from tests.unit.noonmark.answers import ID, NOON, URL, file
from tests.unit.noonmark.conftest import Driven

CONTENT = b"a,b\n1,2\n"
FILES = f"/v1/jobs/{ID}/artifacts"
LINK = "/v1/artifacts/0199/content"
KEPT = {"name": "input.csv", "size": 8, "sha256": "9f86", "created_at": NOON}


class Pipe(io.RawIOBase):
    """It has no beginning to go back to."""

    def readable(self) -> bool:
        return True


@pytest.fixture
def put(server: respx.MockRouter) -> respx.Route:
    """Where the bytes go."""
    link = {"url": f"{URL}{LINK}?expires=1&signature=x", "expires_at": NOON}
    server.post(FILES).respond(201, json=link)
    server.post(f"{FILES}/input.csv/confirm").respond(json=KEPT)
    return server.put(LINK)


async def test_a_file_is_announced_and_sent(
    client: Driven, server: respx.MockRouter, put: respx.Route, tmp_path: Path
) -> None:
    put.respond(204)
    (tmp_path / "input.csv").write_bytes(CONTENT)
    kept = await client.do("artifacts.upload", ID, tmp_path / "input.csv")
    asked, sent = server.calls[0].request, put.calls.last.request
    assert json.loads(asked.content) == {
        "name": "input.csv",
        "size": len(CONTENT),
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
    }
    assert (kept.name, sent.content, sent.headers["content-length"]) == ("input.csv", CONTENT, "8")
    assert "authorization" not in sent.headers


async def test_a_try_that_broke_off_is_repeated_from_the_first_byte(
    client: Driven, server: respx.MockRouter, put: respx.Route
) -> None:
    put.mock(side_effect=[httpx.WriteError("gone"), httpx.Response(204)])
    await client.do("artifacts.upload", ID, io.BytesIO(CONTENT), name="input.csv")
    assert [call.request.content for call in put.calls] == [CONTENT, CONTENT]


async def test_what_cannot_be_read_twice_or_has_no_name_is_refused(
    client: Driven, server: respx.MockRouter
) -> None:
    with pytest.raises(ValueError, match="bytes need a name"):
        await client.do("artifacts.upload", ID, CONTENT)
    with pytest.raises(ValueError, match="a pipe cannot be uploaded"):
        await client.do("artifacts.upload", ID, Pipe(), name="a")
    assert not server.calls


async def test_a_download_goes_on_where_it_broke_off(
    client: Driven, server: respx.MockRouter, tmp_path: Path
) -> None:
    answers = [file(CONTENT, upto=3), file(CONTENT, 3)]
    route = server.get(f"{FILES}/input.csv").mock(side_effect=answers)
    path = await client.do("artifacts.download", ID, "input.csv", to=tmp_path / "a", attempt=2)
    assert path.read_bytes() == CONTENT
    assert [call.request.url.params["attempt"] for call in route.calls] == ["2", "2"]
    assert route.calls.last.request.headers["range"] == "bytes=3-"


async def test_what_did_not_arrive_as_it_was_sent_leaves_no_file(
    client: Driven, server: respx.MockRouter, tmp_path: Path
) -> None:
    server.get(f"{FILES}/input.csv").mock(side_effect=[file(CONTENT, ETag='"of something else"')])
    with pytest.raises(noonmark.ConnectionFailed, match="did not arrive"):
        await client.do("artifacts.download", ID, "input.csv", to=tmp_path / "a")
    assert os.listdir(tmp_path) == []
