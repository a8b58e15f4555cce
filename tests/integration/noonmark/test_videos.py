"""Videos by the two clients and by jobctl, against the API as it is, over connections that break off."""

import asyncio
import inspect
import json
import os
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from operator import attrgetter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import noonmark
from core.db import Database
from core.settings import Settings
from tests.integration.app.videos.forms import CLIP, claim, settle
from tests.integration.app.videos.test_watching import leave
from tests.integration.noonmark.conftest import Jobctl

MIB = 1024 * 1024
ENCODED = os.urandom(3 * MIB)
Client = noonmark.Client | noonmark.AsyncClient


class Line:
    """A way to the API that is cut after so many bytes, as often as it is told."""

    def __init__(self, url: str) -> None:
        self._far = urlsplit(url)
        self.url = ""
        self.there: list[int] = []
        """After how many bytes of a request its connection is cut, one connection after another."""
        self.back: list[int] = []
        """The same of an answer."""

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self._far.hostname, self._far.port)
        there = self.there.pop(0) if self.there else None
        back = self.back.pop(0) if self.back else None
        ways = [copied(reader, far_writer, there), copied(far_reader, writer, back)]
        tasks = [asyncio.ensure_future(way) for way in ways]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        writer.transport.abort()
        far_writer.transport.abort()


async def copied(reader: StreamReader, writer: StreamWriter, most: int | None) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536 if most is None else min(65536, most)):
            writer.write(data)
            await writer.drain()
            if most is not None:
                most -= len(data)
                if most == 0:
                    return


@pytest.fixture
async def line(url: str) -> AsyncIterator[Line]:
    found = Line(url)
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield found
    server.close()
    await server.wait_closed()


async def done(client: Client, method: str, *given: Any, **options: Any) -> Any:
    """What a method gives, of either client."""
    do: Callable[..., Any] = attrgetter(method)(client)
    if isinstance(client, noonmark.Client):
        return await asyncio.to_thread(do, *given, **options)
    result = do(*given, **options)
    return await result if inspect.isawaitable(result) else result


@pytest.fixture(params=["blocking", "async"])
async def far(request: pytest.FixtureRequest, line: Line, token: str) -> AsyncIterator[Client]:
    """Each of the two, over that line."""
    if request.param == "blocking":
        with noonmark.Client(line.url, token) as blocking:
            yield blocking
    else:
        async with noonmark.AsyncClient(line.url, token) as asynchronous:
            yield asynchronous


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "holiday.mov"
    path.write_bytes(CLIP + os.urandom(3 * MIB))
    return path


async def encode(database: Database, settings: Settings) -> None:
    """What came of the one video that waits, as a scheduler keeps it."""
    lease = await claim(database)
    await leave(database, settings, lease, content=ENCODED)
    await settle(database, lease)


async def test_a_video_is_sent_and_found(far: Client, clip: Path) -> None:
    made = await done(far, "videos.encode", clip, quality="4k", format="webm", priority=10)
    assert (made.quality, made.format) == ("4k", "webm")
    assert (made.input_file.name, made.input_file.size) == ("holiday.mov", len(CLIP) + 3 * MIB)
    assert await done(far, "videos.get", made.id) == made
    assert (await done(far, "jobs.get", made.id)).priority == 10


async def test_a_line_that_breaks_while_it_is_sent_makes_no_second_video(
    far: Client, line: Line, clip: Path, client: noonmark.AsyncClient
) -> None:
    line.there = [MIB]
    made = await done(far, "videos.encode", clip)
    assert made.input_file.size == len(CLIP) + 3 * MIB
    assert [job.id async for job in client.jobs.list()] == [made.id]


async def test_an_answer_that_is_lost_makes_no_second_video(
    far: Client, line: Line, clip: Path, client: noonmark.AsyncClient
) -> None:
    line.back = [10]
    made = await done(far, "videos.encode", clip)
    assert [job.id async for job in client.jobs.list()] == [made.id]


async def test_a_download_goes_on_where_the_line_broke(
    far: Client, line: Line, client: noonmark.AsyncClient, database: Database, settings: Settings,
    tmp_path: Path,
) -> None:  # fmt: skip
    video = await client.videos.encode(CLIP)
    await encode(database, settings)
    line.back = [MIB, MIB // 2]
    path = await done(far, "videos.download", video.id, to=tmp_path / "out.mp4")
    assert (path.read_bytes() == ENCODED, line.back) == (True, [])
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".part")]


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.mov"
    with path.open("wb") as file:
        file.write(CLIP)
        file.truncate(501 * MIB)
    return path


async def test_what_is_too_large_is_refused_as_such(
    client: noonmark.AsyncClient, url: str, token: str, large: Path
) -> None:
    with noonmark.Client(url, token) as blocking:
        for each in (blocking, client):
            with pytest.raises(noonmark.Problem) as refused:
                await done(each, "videos.encode", large)
            assert (refused.value.status, refused.value.code) == (413, "payload_too_large")


async def test_jobctl_sends_shows_and_saves(
    jobctl: Jobctl, database: Database, settings: Settings, clip: Path, tmp_path: Path
) -> None:  # fmt: skip
    sent = await jobctl("videos", "encode", str(clip), "--key", "holiday-1", "-o", "json")
    video = json.loads(sent.stdout)["id"]
    again = await jobctl("videos", "encode", str(clip), "--key", "holiday-1", "-o", "id")
    assert again.stdout == f"{video}\n"
    early = await jobctl("videos", "download", video, "--to", str(tmp_path / "out"))
    assert (early.exit_code, "409 video_not_encoded: The video is not" in early.stderr) == (5, True)
    await encode(database, settings)
    assert "holiday-720p.mp4, 3,145,728 bytes" in (await jobctl("videos", "status", video)).stdout
    saved = await jobctl("videos", "download", video, "--to", str(tmp_path / "out"))
    assert (saved.exit_code, (tmp_path / "out").read_bytes() == ENCODED) == (0, True)


async def test_jobctl_says_what_is_wrong(jobctl: Jobctl, large: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no video at all\n" * 100)
    text = await jobctl("videos", "encode", str(tmp_path / "notes.txt"))
    assert (text.exit_code, "415 unsupported_media_type" in text.stderr) == (1, True)
    refused = await jobctl("videos", "encode", str(large))
    assert (refused.exit_code, "413 payload_too_large" in refused.stderr) == (1, True)
    nobody = await jobctl("videos", "status", "0199b0f6-6a4e-7c51-8f3e-2f4f3d9f3f11")
    assert (nobody.exit_code, "404 not_found" in nobody.stderr) == (3, True)
