"""Videos through the whole installation, by real FFmpeg. Neither process sees the other's disk."""

import os
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import s3
from tests.e2e.fleet import CALM, Fleet
from tests.e2e.processes import Process
from tests.e2e.test_jobctl import jobctl
from tests.e2e.work import Work
from tests.integration.scheduler.functions.clips import Seen, clip, look
from tests.waiting import wait_until

pytestmark = pytest.mark.heavy

MIB = 1024 * 1024
ENCODE = "/v1/videos/encode"
OVER = ("succeeded", "failed", "cancelled")


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3.Server]:
    with s3.running(tmp_path_factory.mktemp("s3")) as started:
        yield started


@pytest.fixture
def shared(bucket: s3.Server) -> dict[str, str]:
    """All that the processes have in common besides their database."""
    return {"NOONMARK_STORAGE_URL": bucket.url, **bucket.environment, **CALM}


@pytest.fixture
async def api(fleet: Fleet, shared: Mapping[str, str], tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    own = {"NOONMARK_DATA_DIR": str(tmp_path / "api")}
    async with fleet.app(settings={**shared, **own}) as app, fleet.client(await app.address()) as client:
        yield client


@pytest.fixture
def settings(shared: Mapping[str, str], tmp_path: Path) -> dict[str, str]:
    """A scheduler's."""
    return {**shared, "NOONMARK_RUNTIMES": "function", "NOONMARK_DATA_DIR": str(tmp_path / "scheduler")}


@pytest.fixture
async def scheduler(fleet: Fleet, settings: Mapping[str, str]) -> AsyncIterator[Process]:
    async with fleet.scheduler(settings=settings) as process:
        yield process


async def send(api: httpx.AsyncClient, path: Path, **fields: str) -> str:
    """A video's id."""
    with open(path, "rb") as file:  # noqa: ASYNC230
        answer = await api.post(ENCODE, data=fields, files={"video": (path.name, file)})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def status(api: httpx.AsyncClient, video: str) -> dict[str, Any]:
    answer = await api.get(f"/v1/videos/{video}/status")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def over(api: httpx.AsyncClient, video: str) -> dict[str, Any]:
    async def look() -> dict[str, Any]:
        found = await status(api, video)
        return found if found["state"] in OVER else {}

    found: dict[str, Any] = await wait_until(look, within=90, what="the video's end")
    return found


def attempts(tmp_path: Path) -> list[Path]:
    """Folders of attempts that are on."""
    return list((tmp_path / "scheduler" / "attempts" / "function").glob("*"))


def encoders(tmp_path: Path) -> list[int]:
    """FFmpegs that this test's scheduler has started."""
    found = []
    for pid in (int(entry) for entry in os.listdir("/proc") if entry.isdecimal()):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            inside = str(tmp_path) in os.readlink(f"/proc/{pid}/cwd")
        except OSError:
            continue
        if inside and words[0].endswith(b"ffmpeg"):
            found.append(pid)
    return found


def environment(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


async def test_a_video_is_sent_encoded_and_downloaded(
    api: httpx.AsyncClient, scheduler: Process, work: Work, tmp_path: Path
) -> None:
    source = await clip(tmp_path / "holiday.mov")
    video = await send(api, source, quality="720p", format="mp4", priority="10")
    found = await over(api, video)
    assert (found["state"], found["progress"], found["last_error"]) == ("succeeded", 100, None)
    assert found["output_filename"] == "holiday-720p.mp4"
    answer = await api.get(found["download_url"])
    assert answer.headers["content-disposition"].startswith('attachment; filename="holiday-720p.mp4"')
    (tmp_path / "encoded").write_bytes(answer.content)
    made = await look(tmp_path / "encoded")
    assert made == Seen("mov,mp4,m4a,3gp,3g2,mj2", made.seconds, (1280, 720), "1:1", "yuv420p", "h264", "aac")
    assert made.seconds == pytest.approx(2.0, abs=0.1)
    part = await api.get(found["download_url"], headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")
    result = (await api.get(f"/v1/jobs/{video}")).json()["result"]
    assert (result["output"]["width"], result["output"]["height"]) == (1280, 720)
    events = (await api.get(f"/v1/jobs/{video}/events")).json()["items"]
    told = [event["data"]["done"] for event in events if event["kind"] == "progress"]
    assert (told[0], told[-1], told) == (0, 100, sorted(set(told)))
    assert attempts(tmp_path) == []
    # Nobody else's, and nothing that passed over this disk.
    assert not (tmp_path / "api").exists() or not list((tmp_path / "api").rglob("*.mp4"))


async def test_jobctl_sends_a_video_and_saves_what_came_of_it(
    fleet: Fleet, api: httpx.AsyncClient, scheduler: Process, work: Work, tmp_path: Path
) -> None:
    source, to = await clip(tmp_path / "holiday.mov"), tmp_path / "holiday.webm"
    code, out, err = await jobctl(
        fleet, "videos", "encode", str(source), "--format", "webm", "--to", str(to), "--url",
        str(api.base_url),
    )  # fmt: skip
    assert (code, "holiday-720p.webm" in out) == (0, True), err
    assert err.splitlines()[0].endswith(" is made; waiting")
    assert err.splitlines()[-1].endswith(f" is saved as {to}")
    assert (await look(to)).video == "vp9"
    nothing = tmp_path / "nothing.mov"
    assert (await jobctl(fleet, "videos", "encode", str(nothing)))[0] == 2


async def test_a_cancel_in_the_middle_leaves_no_ffmpeg_and_no_file(
    api: httpx.AsyncClient, scheduler: Process, work: Work, tmp_path: Path
) -> None:
    source = await clip(tmp_path / "long.mp4", seconds=120, more=("-preset", "ultrafast"))
    video = await send(api, source, quality="4k")

    def writing() -> list[Path]:
        return [path for one in attempts(tmp_path) for path in one.glob("out/.video.mp4.partial")]

    await wait_until(writing, within=60, what="FFmpeg writes")
    [pid] = encoders(tmp_path)
    told = environment(pid)
    assert b"AWS" not in told and b"NOONMARK" not in told and b"DATABASE" not in told
    assert (await status(api, video))["state"] == "running"
    assert (await api.get(f"/v1/videos/{video}/download")).status_code == 409
    assert (await api.post(f"/v1/jobs/{video}/cancel")).status_code == 202
    assert (await over(api, video))["state"] == "cancelled"
    assert (encoders(tmp_path), attempts(tmp_path)) == ([], [])
    files = (await api.get(f"/v1/jobs/{video}/artifacts")).json()["items"]
    assert [file["name"] for file in files] == ["long.mp4"]


async def test_a_scheduler_that_is_killed_takes_ffmpeg_along_and_another_one_encodes(
    fleet: Fleet, api: httpx.AsyncClient, settings: Mapping[str, str], work: Work, tmp_path: Path
) -> None:
    source = await clip(tmp_path / "a.mp4", seconds=4)
    async with fleet.scheduler(settings=settings) as first:
        video = await send(api, source, quality="1080p")
        await wait_until(lambda: encoders(tmp_path), within=60, what="FFmpeg runs")
        first.kill()
        await wait_until(lambda: not encoders(tmp_path), within=10, what="FFmpeg is gone")
    async with fleet.reaper(settings=settings), fleet.scheduler(settings=settings):
        found = await over(api, video)
    assert (found["state"], found["attempts_made"]) == ("succeeded", 2)


async def test_what_is_no_video_fails_once_and_says_why(
    api: httpx.AsyncClient, scheduler: Process, work: Work, tmp_path: Path
) -> None:
    (tmp_path / "fake.mp4").write_bytes(b"\0\0\0\x20ftypisom" + b"\0" * 4000)
    found = await over(api, await send(api, tmp_path / "fake.mp4"))
    assert (found["state"], found["attempts_made"]) == ("failed", 1)
    assert found["last_error"]["message"].startswith("this cannot be encoded")


async def test_more_than_five_hundred_mebibytes_are_refused_and_fill_no_disk(
    fleet: Fleet, work: Work, tmp_path: Path
) -> None:
    kept, piece = tmp_path / "storage", bytes(MIB)
    most = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal most
        yield b'--b\r\nContent-Disposition: form-data; name="video"; filename="a.mp4"\r\n\r\n'
        yield b"\0\0\0\x20ftypisom"
        for _ in range(600):
            yield piece
            most = max(most, sum(path.stat().st_size for path in kept.rglob("*") if path.is_file()))
        yield b"\r\n--b--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    own = {"NOONMARK_STORAGE_URL": f"file://{kept}"}
    async with fleet.app(settings=own) as app, fleet.client(await app.address()) as api:
        answer = await api.post(ENCODE, content=body(), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
    left = [path for path in kept.rglob("*") if path.is_file()]
    assert (left, most <= 501 * MIB) == ([], True)
