"""Encoding videos, by FFmpeg as a program of the host.

The file that came with the job is looked at first, then encoded into the output folder under a name that says
that it is not whole yet; only what ffprobe finds to be as it was asked for gets its own name. What a tenant
chooses are two words of two lists: nothing of theirs is part of a path or of a command.

When the attempt is told to stop, FFmpeg is killed and what it wrote is removed.
"""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from core.jobs import videos
from core.jobs.videos import Format, Quality, Wish
from noonmark.functions import Context, PermanentFailure, job
from scheduler.functions import ffmpeg, probing
from scheduler.functions.probing import NoVideo, Video

INPUT = "input"
"""Which of a job's files it is."""
_MOST_THREADS = 8
_MOST_FRAMES_A_SECOND = 60
_PROGRESS_SECONDS = 0.5
# What may be missing at the end: the last frame, and sound that goes on without a picture.
_LOST_SHARE, _LOST_SECONDS = 0.1, 1.0


SIZES: Mapping[Quality, tuple[int, int]] = {
    Quality.HD: (1280, 720),
    Quality.FULL_HD: (1920, 1080),
    Quality.ULTRA_HD: (3840, 2160),
}
_CODED: Mapping[Format, tuple[str, ...]] = {
    Format.MP4: (
        *("-c:v", "libx264", "-preset", "medium", "-crf", "23"),
        *("-c:a", "aac", "-b:a", "128k", "-movflags", "+faststart", "-f", "mp4"),
    ),
    Format.WEBM: (
        *("-c:v", "libvpx-vp9", "-crf", "32", "-b:v", "0", "-deadline", "good", "-cpu-used", "4"),
        *("-row-mt", "1", "-c:a", "libopus", "-b:a", "128k", "-f", "webm"),
    ),
}

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "input": {
            "type": "string",
            "maxLength": 255,
            "description": "What the video is called, for show. The file itself comes with the job.",
        },
        "quality": {"enum": [each.value for each in Quality], "default": "720p"},
        "format": {"enum": [each.value for each in Format], "default": "mp4"},
    },
    "additionalProperties": False,
}


class EncodingFailed(Exception):
    """FFmpeg could not do it this time."""


@job(
    videos.KEY,
    version=videos.VERSION,
    timeout_seconds=videos.TIMEOUT_SECONDS,
    max_attempts=videos.MAX_ATTEMPTS,
    concurrency=videos.AT_ONCE,
    schema=SCHEMA,
)
async def video(ctx: Context, params: Any) -> dict[str, Any]:
    """Encodes the video that came with the job."""
    wish, source = _wish(params), ctx.inputs.get(INPUT)
    if source is None:
        raise PermanentFailure("no video came with this job: send one to /v1/videos/encode")
    before = await _probed(source, ctx, "this cannot be encoded")
    partial = ctx.output_dir / f".{wish.file}.partial"
    with _removed_if_left(partial):
        await _encode(ctx, wish, before, source, partial)
        after = await _probed(partial, ctx, "what FFmpeg made is no video")
        _check(wish, before, after)
        os.replace(partial, ctx.output_dir / wish.file)
    return {
        "file": wish.file,
        "quality": wish.quality,
        "format": wish.format,
        "size_bytes": (ctx.output_dir / wish.file).stat().st_size,
        "output": probing.shown(after),
        "input": probing.shown(before),
    }


def arguments(wish: Wish, video: Video, *, source: str, target: str) -> list[str]:
    """FFmpeg's. The picture keeps its shape, and what it leaves of the frame is black."""
    width, height = SIZES[wish.quality]
    # One step to its final size, however its pixels are shaped: there is never a larger picture in between.
    fitted = (
        f"scale=w='max(2,min({width},round({height}*dar/2)*2))':"
        f"h='max(2,min({height},round({width}/dar/2)*2))'"
    )
    framed = f"pad={width}:{height}:(ow-iw)/2:(oh-ih)/2"
    return [
        *("-nostdin", "-hide_banner", "-loglevel", "error", "-nostats"),
        *("-progress", "pipe:1", "-stats_period", str(_PROGRESS_SECONDS)),
        *(*ffmpeg.CONFINED, "-i", source),
        *("-map", f"0:{video.stream}", "-map", "0:a:0?", "-sn", "-dn"),
        *("-map_metadata", "-1", "-map_chapters", "-1"),
        *("-vf", f"{fitted},setsar=1,{framed},format=yuv420p", "-fpsmax", str(_MOST_FRAMES_A_SECOND)),
        *("-ac", "2", "-threads", str(_threads()), *_CODED[wish.format]),
        *("-y", target),
    ]


async def _encode(ctx: Context, wish: Wish, video: Video, source: Path, target: Path) -> None:
    within = ctx.output_dir
    asked = arguments(
        wish,
        video,
        source=ffmpeg.named(source, within=within),
        target=ffmpeg.named(target, within=within),
    )
    told = _Told(ctx, video)
    told.at(0.0)
    async with ffmpeg.running("ffmpeg", asked, within=within) as run:
        async for line in run.lines():
            told.hear(line)
        code, said = await run.end()
    ctx.raise_if_cancelled()
    if code == -signal.SIGXFSZ:
        megabytes = ffmpeg.LARGEST_FILE // 1024**2
        raise PermanentFailure(f"the encoded video would have more than {megabytes} MiB")
    if code != 0:
        raise EncodingFailed(f"FFmpeg ended with {code}: {said or 'it did not say why'}")
    told.done()


class _Told:
    """FFmpeg's own report as progress: each percent once, for of many events an attempt keeps only some."""

    def __init__(self, ctx: Context, video: Video) -> None:
        self._ctx = ctx
        self._video = video
        self._percent = -1

    def hear(self, line: str) -> None:
        """One line of the report, which is `key=value`; a time is none before the first frame."""
        key, _, value = line.partition("=")
        if key == "out_time_us" and value.isdecimal():
            self.at(int(value) / 1_000_000)

    def at(self, seconds: float) -> None:
        """So much of it is encoded. The last percent is for what comes after."""
        of = self._video.seconds
        percent = min(99, int(100 * seconds / of)) if of else 0
        if percent > self._percent:
            self._percent = percent
            self._ctx.progress(percent, 100, f"{seconds:.1f} of {of:.1f} s" if of else "encoding")

    def done(self) -> None:
        """It is whole."""
        self._ctx.progress(100, 100, "encoded")


async def _probed(path: Path, ctx: Context, otherwise: str) -> Video:
    try:
        return await probing.probe(path, within=ctx.output_dir)
    except NoVideo as error:
        raise PermanentFailure(f"{otherwise}: {error}") from None


def _check(wish: Wish, before: Video, after: Video) -> None:
    """A file that breaks off in the middle is read up to there, and FFmpeg calls that a success."""
    if (after.width, after.height) != SIZES[wish.quality]:
        raise EncodingFailed(f"FFmpeg made a picture of {after.width} by {after.height}")
    if before.seconds is None or after.seconds is None:
        return
    if after.seconds < before.seconds * (1 - _LOST_SHARE) - _LOST_SECONDS:
        whole = f"{after.seconds:.1f} of {before.seconds:.1f} s"
        raise PermanentFailure(f"the video is damaged: only {whole} of it could be read")


def _wish(params: Any) -> Wish:
    try:
        return msgspec.convert({} if params is None else params, Wish)
    except msgspec.ValidationError as error:
        raise PermanentFailure(f"this is nothing to encode by: {error}") from None


@contextmanager
def _removed_if_left(partial: Path) -> Iterator[None]:
    try:
        yield
    finally:
        partial.unlink(missing_ok=True)


def _threads() -> int:
    """Other attempts, and the scheduler itself, live here too."""
    return max(1, min(_MOST_THREADS, (os.cpu_count() or 2) // 2))
