"""What FFmpeg is told and what is made of its words; it is not there itself."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.jobs.videos import Format, Quality, Wish
from noonmark.functions import Context, PermanentFailure
from scheduler.functions import encoding, ffmpeg, probing
from scheduler.functions.probing import NoVideo, Video

CLIP = Video(stream=1, width=640, height=480, seconds=8.0, video_codec="h264", audio_codec=None)
PICTURE = {"index": 1, "codec_type": "video", "codec_name": "h264", "width": 640, "height": 480}
SOUND = {"index": 0, "codec_type": "audio", "codec_name": "aac"}


def answer(*streams: dict[str, Any], duration: str | None = "8.000000") -> str:
    return msgspec.json.encode(
        {"streams": streams, "format": {} if duration is None else {"duration": duration}}
    ).decode()


@pytest.fixture
def here(tmp_path: Path) -> Context:
    source = tmp_path / "input"
    source.write_bytes(b"")
    return Context(output_dir=tmp_path, inputs={"input": source})


async def encode(ctx: Context, **params: Any) -> Any:
    return await encoding.video.body(ctx, params)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"quality": "../../x"}, "'../../x'.*quality"),
        ({"quality": ["720p"]}, "quality"),
        ({"command": "-y"}, "command"),
        ({"format": "mp4/../../x"}, "format"),
    ],
    ids=str,
)
async def test_a_wish_is_made_of_words_of_two_lists(given: dict[str, Any], why: str, here: Context) -> None:
    with pytest.raises(PermanentFailure, match=why):
        await encode(here, **given)


async def test_a_job_without_a_file_is_told_where_to_send_one() -> None:
    with pytest.raises(PermanentFailure, match="/v1/videos/encode"):
        await encode(Context())


async def test_where_ffmpeg_is_missing_nothing_is_started_and_the_operator_is_named(
    here: Context, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PermanentFailure, match="nothing was started: there is no program ffprobe"):
        await encode(here)


@pytest.mark.parametrize("quality", Quality)
@pytest.mark.parametrize("format", Format)
def test_ffmpeg_reads_files_of_known_kinds_alone_and_has_no_input(quality: Quality, format: Format) -> None:
    given = encoding.arguments(
        Wish(quality=quality, format=format), CLIP, source="file:in", target="file:out"
    )
    before = given[: given.index("-i")]
    assert before[before.index("-protocol_whitelist") + 1] == "file"
    kinds = before[before.index("-format_whitelist") + 1].split(",")
    assert not {"hls", "concat", "dash", "image2", "lavfi", "sdp", "rtsp"} & set(kinds)
    assert "-nostdin" in before
    width, height = encoding.SIZES[quality]
    assert f"pad={width}:{height}:" in given[given.index("-vf") + 1]
    assert given[given.index("-map") + 1] == "0:1"
    assert given[-1] == "file:out"


def test_a_name_is_never_read_as_anything_else(tmp_path: Path) -> None:
    for name in ("-y", "http:x", "%03d.png", "concat:a|b"):
        assert ffmpeg.named(tmp_path / "in" / name, within=tmp_path / "out") == f"file:../in/{name}"


def test_a_picture_is_found_behind_covers_and_sound() -> None:
    cover = {**PICTURE, "index": 0, "disposition": {"attached_pic": 1}}
    found = probing.read(answer(cover, {**PICTURE, "index": 2}, {**SOUND, "index": 1}))
    assert (found.stream, found.video_codec, found.audio_codec, found.seconds) == (2, "h264", "aac", 8.0)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (answer(SOUND), "no picture"),
        (answer(), "no picture"),
        (answer({**PICTURE, "disposition": {"attached_pic": 1}}, SOUND), "no picture"),
        (answer({**PICTURE, "width": 8194}), "8194 by 480"),
        (answer({**PICTURE, "height": 0}), "640 by 0"),
        (answer(PICTURE, duration="14401"), "14401 s"),
        (answer(PICTURE, duration="0.0"), "0 s"),
        (answer(PICTURE, duration="inf"), "inf s"),
        (answer(PICTURE, duration="nan"), "nan s"),
    ],
    ids=str,
)
def test_what_is_no_video_or_too_much_of_one_is_told_apart(said: str, why: str) -> None:
    with pytest.raises(NoVideo, match=why):
        probing.read(said)


def test_a_video_need_not_say_how_long_it_takes() -> None:
    assert probing.read(answer(PICTURE, duration=None)).seconds is None


def test_each_percent_of_ffmpegs_report_is_told_once() -> None:
    told: list[Mapping[str, Any]] = []
    report = encoding._Told(Context(emit=told.append), CLIP)
    lines = [
        "frame=1",
        "out_time_us=N/A",
        "out_time_us=2000000",
        "out_time_us=2010000",
        "out_time_us=9000000",
    ]
    report.at(0.0)
    for line in [*lines, "progress=end"]:
        report.hear(line)
    report.done()
    assert [(each["done"], each["total"]) for each in told] == [(0, 100), (25, 100), (99, 100), (100, 100)]
    assert told[1]["message"] == "2.0 of 8.0 s"


def test_half_a_video_is_no_success() -> None:
    whole = Wish()
    made = msgspec.structs.replace(CLIP, width=1280, height=720)
    encoding._check(whole, CLIP, msgspec.structs.replace(made, seconds=7.0))
    with pytest.raises(PermanentFailure, match=r"only 4\.0 of 8\.0 s"):
        encoding._check(whole, CLIP, msgspec.structs.replace(made, seconds=4.0))
