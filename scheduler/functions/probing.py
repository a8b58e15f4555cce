"""Whether a file is a video that we encode, by what ffprobe finds in it.

Its name, and what its sender says that it is, count for nothing.
"""

from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from scheduler.functions import ffmpeg

LONGEST_SECONDS = 4 * 3600
LARGEST_SIDE = 8_192
"""Pixels."""
_LARGEST_ANSWER = 1024 * 1024
_SHOWN = "format=duration:stream=index,codec_type,codec_name,width,height:stream_disposition=attached_pic"


class NoVideo(Exception):
    """It is none that we take; says why."""


class Video(Struct, frozen=True):
    """What there is to know of one."""

    stream: int
    """Which of its streams is the picture; covers are none."""
    width: int
    height: int
    seconds: float | None
    """None where the file does not say."""
    video_codec: str
    audio_codec: str | None


class _Disposition(Struct, frozen=True):
    attached_pic: int = 0


class _Stream(Struct, frozen=True):
    index: int
    codec_type: str = ""
    codec_name: str = "unknown"
    width: int = 0
    height: int = 0
    disposition: _Disposition = _Disposition()


class _Format(Struct, frozen=True):
    duration: str = ""


class _Answer(Struct, frozen=True):
    streams: tuple[_Stream, ...] = ()
    format: _Format = _Format()


async def probe(path: Path, *, within: Path) -> Video:
    """NoVideo if it is none; PermanentFailure where ffprobe is not installed."""
    arguments = (
        *("-hide_banner", "-loglevel", "error", *ffmpeg.CONFINED, "-show_entries", _SHOWN, "-of", "json"),
        ffmpeg.named(path, within=within),
    )
    async with ffmpeg.running("ffprobe", arguments, within=within) as run:
        text = ""
        async for line in run.lines():
            text += line
            if len(text) > _LARGEST_ANSWER:
                raise NoVideo("it has too many streams")
        code, said = await run.end()
    if code != 0:
        raise NoVideo(said or "ffprobe cannot read it")
    return read(text)


def read(text: str) -> Video:
    """What ffprobe answered, judged."""
    answer = msgspec.json.decode(text, type=_Answer)
    kinds = [stream for stream in answer.streams if not stream.disposition.attached_pic]
    pictures = [stream for stream in kinds if stream.codec_type == "video"]
    sounds = [stream.codec_name for stream in kinds if stream.codec_type == "audio"]
    if not pictures:
        raise NoVideo("it has no picture")
    picture, seconds = pictures[0], _seconds(answer.format.duration)
    if not (0 < picture.width <= LARGEST_SIDE and 0 < picture.height <= LARGEST_SIDE):
        raise NoVideo(
            f"its picture is {picture.width} by {picture.height}; the most is {LARGEST_SIDE} a side"
        )
    if seconds is not None and not 0 < seconds <= LONGEST_SECONDS:
        raise NoVideo(f"it takes {seconds:g} s; the most is {LONGEST_SECONDS} s")
    return Video(
        stream=picture.index,
        width=picture.width,
        height=picture.height,
        seconds=seconds,
        video_codec=picture.codec_name,
        audio_codec=sounds[0] if sounds else None,
    )


def shown(video: Video) -> dict[str, Any]:
    """As a result tells it."""
    return {
        "width": video.width,
        "height": video.height,
        "seconds": video.seconds,
        "video_codec": video.video_codec,
        "audio_codec": video.audio_codec,
    }


def _seconds(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
