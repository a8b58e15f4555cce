"""`encode.video` by real FFmpeg: what comes out, what is refused, and what a stop leaves."""

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from scheduler.runtimes.events import HappeningKind
from scheduler.runtimes.function import BUILT_IN
from scheduler.runtimes.runtime import Ending
from tests.integration.scheduler.functions.clips import Seen, clip, look
from tests.integration.scheduler.functions.rig import Done, Rig, Started, alive
from tests.waiting import wait_until

pytestmark = pytest.mark.heavy


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path / "attempts", modules=BUILT_IN)
    yield rig
    await rig.runtime.close()


async def start(rig: Rig, source: Path | None, **params: Any) -> Started:
    order = rig.order("encode.video@1", params, inputs=("input",), grace_seconds=5.0)
    if source is not None:
        (order.folder / "in").mkdir()
        shutil.copy(source, order.folder / "in" / "input")
    return await rig.begin(order)


async def encode(rig: Rig, source: Path, **params: Any) -> tuple[Done, Path]:
    started = await start(rig, source, **params)
    return await started.done(), started.order.folder / "out"


def left(out: Path) -> list[str]:
    return sorted(os.listdir(out))


async def test_a_clip_becomes_h264_and_aac_of_1280_by_720(rig: Rig, tmp_path: Path) -> None:
    done, out = await encode(rig, await clip(tmp_path / "a.mov"), input="../../a.mov")
    assert (done.exit.how, done.exit.code) == (Ending.EXITED, 0), done.exit
    made = await look(out / "video.mp4")
    assert made == Seen("mov,mp4,m4a,3gp,3g2,mj2", made.seconds, (1280, 720), "1:1", "yuv420p", "h264", "aac")
    assert made.seconds == pytest.approx(2.0, abs=0.1)
    assert left(out) == ["result.json", "video.mp4"]
    assert done.result["file"] == "video.mp4"
    assert done.result["size_bytes"] == (out / "video.mp4").stat().st_size
    assert done.result["output"]["video_codec"] == "h264"
    assert (done.result["input"]["width"], done.result["input"]["height"]) == (320, 180)


async def test_progress_is_ffmpegs_own_and_ends_at_a_hundred(rig: Rig, tmp_path: Path) -> None:
    done, _ = await encode(rig, await clip(tmp_path / "a.mp4", size="1280x720", seconds=8))
    told = [one.done for one in done.happenings if one.kind is HappeningKind.PROGRESS]
    assert told[0] == 0 and told[-1] == 100
    assert told == sorted(set(told), key=lambda each: each or 0)
    assert len(told) > 2, "something between the start and the end"


@pytest.mark.parametrize(
    ("quality", "size"), [("720p", (1280, 720)), ("1080p", (1920, 1080)), ("4k", (3840, 2160))]
)
async def test_each_quality_is_the_size_it_names(
    rig: Rig, tmp_path: Path, quality: str, size: tuple[int, int]
) -> None:
    _, out = await encode(rig, await clip(tmp_path / "a.mp4", seconds=0.2), quality=quality)
    assert (await look(out / "video.mp4")).size == size


async def test_webm_is_vp9_and_opus(rig: Rig, tmp_path: Path) -> None:
    done, out = await encode(rig, await clip(tmp_path / "a.mp4", seconds=1), format="webm")
    made = await look(out / "video.webm")
    assert (made.format, made.video, made.audio) == ("matroska,webm", "vp9", "opus")
    assert made.size == (1280, 720)
    assert done.result["file"] == "video.webm"


async def test_a_silent_clip_stays_silent(rig: Rig, tmp_path: Path) -> None:
    done, out = await encode(rig, await clip(tmp_path / "a.mp4", seconds=0.4, sound=False))
    assert (await look(out / "video.mp4")).audio is None
    assert done.result["output"]["audio_codec"] is None


@pytest.mark.parametrize(
    ("size", "more"),
    [
        ("320x240", ()),
        ("180x320", ()),
        ("101x57", ("-pix_fmt", "yuv444p")),
        ("2x600", ("-pix_fmt", "yuv444p")),
        ("320x180", ("-aspect", "4:3")),
        ("320x180", ("-aspect", "1000:1")),
    ],
    ids=str,
)
async def test_a_picture_of_any_shape_keeps_it_in_a_frame_of_the_size_asked_for(
    rig: Rig, tmp_path: Path, size: str, more: tuple[str, ...]
) -> None:
    source = await clip(tmp_path / "a.mp4", size=size, seconds=0.4, more=more)
    done, out = await encode(rig, source)
    assert done.exit.code == 0, done
    made = await look(out / "video.mp4")
    assert (made.size, made.shape) == ((1280, 720), "1:1")


@pytest.mark.parametrize("name", ["a.mkv", "a.avi", "a.ts", "a.webm", "a.flv", "a.ogv", "a.wmv", "a.mpg"])
async def test_every_packing_that_is_taken_is_read(rig: Rig, tmp_path: Path, name: str) -> None:
    done, out = await encode(rig, await clip(tmp_path / name, seconds=1))
    assert done.exit.code == 0, done
    assert (await look(out / "video.mp4")).size == (1280, 720)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"just a text\n" * 100,
        b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile '/etc/passwd'\n",
        b"\0\0\0\x20ftypisom" + b"\0" * 1000,
    ],
    ids=["empty", "text", "playlist", "concat", "head"],
)
async def test_what_is_no_video_fails_for_good_and_names_no_path(
    rig: Rig, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "a").write_bytes(content)
    done, out = await encode(rig, tmp_path / "a")
    assert done.exit.code == 65
    assert done.exit.message.startswith("this cannot be encoded")
    assert str(tmp_path) not in done.exit.message + done.stderr + done.stdout
    assert left(out) == []


async def test_a_picture_is_no_video(rig: Rig, tmp_path: Path) -> None:
    await clip(tmp_path / "a.png", seconds=0.04, sound=False, more=("-frames:v", "1"))
    done, _ = await encode(rig, tmp_path / "a.png")
    assert (done.exit.code, "cannot be encoded" in done.exit.message) == (65, True)


async def test_sound_alone_is_no_video(rig: Rig, tmp_path: Path) -> None:
    await clip(tmp_path / "a.m4a", seconds=0.4, more=("-vn",))
    done, _ = await encode(rig, tmp_path / "a.m4a")
    assert (done.exit.code, "no picture" in done.exit.message) == (65, True)


async def test_half_a_file_is_no_success(rig: Rig, tmp_path: Path) -> None:
    source = await clip(tmp_path / "a.mp4", seconds=6, more=("-movflags", "+faststart"))
    os.truncate(source, source.stat().st_size // 2)
    done, out = await encode(rig, source)
    assert (done.exit.code, "damaged" in done.exit.message) == (65, True), done
    assert left(out) == []


async def test_a_job_without_its_file_is_told_so(rig: Rig) -> None:
    started = await rig.begin(rig.order("encode.video@1", {}))
    done = await started.done()
    assert (done.exit.code, "/v1/videos/encode" in done.exit.message) == (65, True)


async def _encoding(rig: Rig, tmp_path: Path) -> tuple[Started, int]:
    """An encoding that would take minutes, and FFmpeg's process, which writes."""
    source = await clip(tmp_path / "a.mp4", seconds=120, more=("-preset", "ultrafast"))
    started = await start(rig, source, quality="4k")
    partial = started.order.folder / "out" / ".video.mp4.partial"
    await wait_until(partial.exists, within=30, what="FFmpeg writes")
    [pid] = [pid for pid in _programs() if _folder(pid) == started.order.folder / "out"]
    return started, pid


def _programs() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdecimal() and _is_ffmpeg(int(entry))]


def _is_ffmpeg(pid: int) -> bool:
    try:
        return b"ffmpeg" in Path(f"/proc/{pid}/cmdline").read_bytes().partition(b"\0")[0]
    except OSError:
        return False


def _folder(pid: int) -> Path | None:
    try:
        return Path(os.readlink(f"/proc/{pid}/cwd"))
    except OSError:
        return None


@pytest.mark.parametrize("timed_out", [False, True])
async def test_a_stop_in_the_middle_leaves_no_ffmpeg_and_no_file(
    rig: Rig, tmp_path: Path, timed_out: bool
) -> None:
    started, pid = await _encoding(rig, tmp_path)
    await started.work.stop(timed_out=timed_out)
    done = await started.done()
    assert done.exit.how is Ending.STOPPED
    assert not alive(pid)
    assert left(started.order.folder / "out") == []


async def test_ffmpeg_ends_with_the_function_that_is_killed(rig: Rig, tmp_path: Path) -> None:
    started, pid = await _encoding(rig, tmp_path)
    started.work.abandon()
    await started.done()
    await wait_until(lambda: not alive(pid), within=10, what="FFmpeg is gone")


async def test_where_ffmpeg_is_missing_nothing_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler.runtimes.function_work._PATH", str(tmp_path))
    rig = Rig(tmp_path / "attempts", modules=BUILT_IN)
    done, _ = await encode(rig, await clip(tmp_path / "a.mp4", seconds=0.4))
    await rig.runtime.close()
    assert (done.exit.code, "Its operator has to install FFmpeg" in done.exit.message) == (65, True)
