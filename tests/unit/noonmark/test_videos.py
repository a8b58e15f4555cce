"""Videos by both clients: sent while they are read, and saved whole or not at all."""

import io
import os
import tracemalloc
from pathlib import Path
from typing import Any, BinaryIO

import httpx
import pytest
import respx
from multipart import parse_form_data

import noonmark
from noonmark import sending
from noonmark.sending import Body
from tests.unit.noonmark.answers import ID, encoded, file, problem, video
from tests.unit.noonmark.conftest import Asynchronous, Blocking, Driven

ENCODE = "/v1/videos/encode"
STATUS = f"/v1/videos/{ID}/status"
DOWNLOAD = f"/v1/videos/{ID}/download"
LOST = httpx.ReadError("gone")
CLIP = b"hello video"


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "holiday.mov"
    path.write_bytes(CLIP)
    return path


def read(request: httpx.Request) -> tuple[dict[str, str], str, bytes]:
    """The fields of a form, and the name and the bytes of its file."""
    environment = {
        "REQUEST_METHOD": "POST",
        "CONTENT_TYPE": request.headers["content-type"],
        "CONTENT_LENGTH": str(len(request.content)),
        "wsgi.input": io.BytesIO(request.content),
    }
    fields, files = parse_form_data(environment, strict=True)
    return dict(fields.items()), files["video"].filename, files["video"].raw


async def test_a_video_is_sent_as_a_form(client: Driven, server: respx.MockRouter, clip: Path) -> None:
    route = server.post(ENCODE).respond(201, json=video())
    made = await client.do(
        "videos.encode", clip, quality="1080p", format="webm", priority=10, idempotency_key="k"
    )
    request = route.calls.last.request
    assert (made.state, made.input_file.name, made.progress) == ("queued", "holiday.mov", None)
    assert read(request) == ({"quality": "1080p", "format": "webm", "priority": "10"}, "holiday.mov", CLIP)
    assert request.headers["content-length"] == str(len(request.content))
    assert (request.headers["host"], request.headers["idempotency-key"]) == ("noonmark.test", "k")


async def test_what_is_not_said_is_not_sent_and_a_name_comes_as_it_is(
    client: Driven, server: respx.MockRouter
) -> None:
    route = server.post(ENCODE).respond(201, json=video())
    await client.do("videos.encode", CLIP, name='a "b"\r\n.mov')
    assert read(route.calls.last.request) == ({}, 'a "b"\r\n.mov', CLIP)


async def test_an_open_file_is_sent_from_where_it_is(
    client: Driven, server: respx.MockRouter, clip: Path
) -> None:
    route = server.post(ENCODE).respond(201, json=video())
    with clip.open("rb") as opened:
        opened.seek(6)
        await client.do("videos.encode", opened)
    assert read(route.calls.last.request)[1:] == ("holiday.mov", b"video")


async def test_a_try_that_broke_off_is_repeated_whole_and_under_the_same_key(
    client: Driven, server: respx.MockRouter, clip: Path
) -> None:
    route = server.post(ENCODE).mock(side_effect=[LOST, httpx.Response(201, json=video())])
    with clip.open("rb") as opened:
        await client.do("videos.encode", opened)
    first, second = (call.request for call in route.calls)
    assert read(first) == read(second) == ({}, "holiday.mov", CLIP)
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]


def piped(content: bytes) -> BinaryIO:
    reading, writing = os.pipe()
    os.write(writing, content)
    os.close(writing)
    return os.fdopen(reading, "rb")


async def test_a_pipe_is_sent_once(client: Driven, server: respx.MockRouter) -> None:
    route = server.post(ENCODE).mock(side_effect=[LOST])
    with piped(CLIP) as pipe, pytest.raises(noonmark.ConnectionFailed):
        await client.do("videos.encode", pipe)
    request = route.calls.last.request
    assert read(request)[1:] == ("video", CLIP)
    assert request.headers["transfer-encoding"] == "chunked"
    assert client.slept == []


def test_a_large_file_is_not_held(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as opened:
        opened.truncate(32 * 1024 * 1024)
    tracemalloc.start()
    sent = sum(map(len, Body(sending.source(path))))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (sent, peak < 1024 * 1024) == (32 * 1024 * 1024, True)


async def test_what_is_not_there_is_not_sent(
    client: Driven, server: respx.MockRouter, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError):
        await client.do("videos.encode", tmp_path / "nothing")
    assert not server.calls


async def test_a_refusal_is_an_exception_of_its_kind(
    client: Driven, server: respx.MockRouter, clip: Path
) -> None:
    server.post(ENCODE).mock(return_value=problem(413, "payload_too_large"))
    with pytest.raises(noonmark.Problem) as refused:
        await client.do("videos.encode", clip)
    assert (refused.value.status, refused.value.code) == (413, "payload_too_large")


async def test_it_is_waited_for(client: Driven, server: respx.MockRouter) -> None:
    looks = [video(), video(state="running", progress=40), encoded()]
    server.get(STATUS).mock(side_effect=[httpx.Response(200, json=look) for look in looks])
    found = await client.do("videos.wait", ID, every=3)
    assert (found.state, found.progress, found.output_filename) == ("succeeded", 100, "holiday-720p.mp4")
    assert client.slept == [3, 3]


async def test_a_wait_has_its_end(client: Driven, server: respx.MockRouter) -> None:
    server.get(STATUS).respond(json=video(state="running"))
    with pytest.raises(noonmark.TimedOut, match="is running after 2 s"):
        await client.do("videos.wait", ID, timeout=2)


async def test_it_is_saved(client: Driven, server: respx.MockRouter, tmp_path: Path) -> None:
    server.get(DOWNLOAD).mock(return_value=file(CLIP))
    path = await client.do("videos.download", ID, to=tmp_path / "out.mp4")
    assert (path, path.read_bytes(), os.listdir(tmp_path)) == (tmp_path / "out.mp4", CLIP, ["out.mp4"])


def ranges(route: respx.Route) -> list[str | None]:
    """What was asked for."""
    return [call.request.headers.get("range") for call in route.calls]


async def test_where_it_broke_off_it_goes_on(
    client: Driven, server: respx.MockRouter, tmp_path: Path
) -> None:
    answers = [file(CLIP, upto=4), file(CLIP, 4, upto=5), file(CLIP, 5)]
    route = server.get(DOWNLOAD).mock(side_effect=answers)
    path = await client.do("videos.download", ID, to=tmp_path / "out.mp4")
    assert (path.read_bytes(), os.listdir(tmp_path)) == (CLIP, ["out.mp4"])
    assert ranges(route) == [None, "bytes=4-", "bytes=5-"]
    assert route.calls.last.request.headers["if-range"] == answers[0].headers["etag"]
    assert len(client.slept) == 2


async def test_what_has_changed_meanwhile_is_fetched_whole(
    client: Driven, server: respx.MockRouter, tmp_path: Path
) -> None:
    server.get(DOWNLOAD).mock(side_effect=[file(CLIP, upto=4), file(b"another")])
    path = await client.do("videos.download", ID, to=tmp_path / "out.mp4")
    assert path.read_bytes() == b"another"


async def test_what_breaks_off_after_its_last_byte_is_whole(
    client: Driven, server: respx.MockRouter, tmp_path: Path
) -> None:
    route = server.get(DOWNLOAD).mock(side_effect=[file(CLIP, upto=len(CLIP))])
    path = await client.do("videos.download", ID, to=tmp_path / "out.mp4")
    assert (path.read_bytes(), ranges(route)) == (CLIP, [None])


@pytest.mark.parametrize(
    ("answers", "tries"),
    [
        ([file(CLIP, upto=0) for _ in range(9)], 6),
        ([file(CLIP, upto=4) for _ in range(9)], 6),
        ([file(CLIP, ETag='"of something else"')], 1),
        ([file(CLIP, upto=4), file(CLIP, 5)], 2),
        ([file(CLIP, upto=4), problem(404, "not_found")], 2),
        ([problem(409, "video_not_encoded")], 1),
    ],
    ids=["never begins", "never gets further", "changed", "other bytes", "gone", "not encoded"],
)
async def test_nothing_half_is_left(
    client: Driven, server: respx.MockRouter, tmp_path: Path, answers: list[Any], tries: int
) -> None:
    route = server.get(DOWNLOAD).mock(side_effect=answers)
    with pytest.raises(noonmark.NoonmarkError):
        await client.do("videos.download", ID, to=tmp_path / "out.mp4")
    assert (len(route.calls), os.listdir(tmp_path)) == (tries, [])


@pytest.mark.parametrize("kind", [Blocking, Asynchronous])
async def test_who_has_no_patience_gets_the_error(
    server: respx.MockRouter, tmp_path: Path, kind: type[Blocking] | type[Asynchronous]
) -> None:
    client = kind(retrying=noonmark.Retrying(budget_seconds=0))
    route = server.get(DOWNLOAD).mock(side_effect=[file(CLIP, upto=4)])
    with pytest.raises(noonmark.ConnectionFailed, match="broke off: gone"):
        await client.do("videos.download", ID, to=tmp_path / "out.mp4")
    assert (len(route.calls), client.slept) == (1, [])
    await client.close()


async def test_what_stands_there_stays_until_the_new_one_is_whole(
    client: Driven, server: respx.MockRouter, tmp_path: Path
) -> None:
    (tmp_path / "out.mp4").write_bytes(b"older")
    server.get(DOWNLOAD).mock(side_effect=[file(CLIP, ETag='"of something else"')])
    with pytest.raises(noonmark.ConnectionFailed):
        await client.do("videos.download", ID, to=tmp_path / "out.mp4")
    assert (tmp_path / "out.mp4").read_bytes() == b"older"
