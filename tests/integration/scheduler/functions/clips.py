"""Clips for tests, made by FFmpeg itself, and what ffprobe finds in a file."""

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import msgspec


async def run(*arguments: str) -> bytes:
    """What a program prints; it must succeed."""
    process = await asyncio.create_subprocess_exec(
        *arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode(errors="replace")
    return out


async def clip(
    path: Path, *, size: str = "320x180", seconds: float = 2, sound: bool = True, more: tuple[str, ...] = ()
) -> Path:
    """A picture that moves, and a tone; packed as the file is called."""
    picture = ("-f", "lavfi", "-i", f"testsrc=size={size}:rate=25:duration={seconds}")
    tone = ("-f", "lavfi", "-i", f"sine=frequency=440:duration={seconds}") if sound else ()
    await run("ffmpeg", "-nostdin", "-v", "error", *picture, *tone, *more, "-y", str(path))
    return path


class Seen(msgspec.Struct, frozen=True):
    """What ffprobe finds in a file."""

    format: str
    seconds: float
    size: tuple[int, int]
    shape: str
    """Of a pixel."""
    pixels: str
    video: str
    audio: str | None


async def look(path: Path) -> Seen:
    """At a file, by ffprobe without any of our arguments."""
    found: dict[str, Any] = msgspec.json.decode(
        await run("ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", str(path))
    )
    kinds = {stream["codec_type"]: stream for stream in found["streams"]}
    picture = kinds["video"]
    return Seen(
        format=found["format"]["format_name"],
        seconds=float(found["format"]["duration"]),
        size=(picture["width"], picture["height"]),
        shape=picture.get("sample_aspect_ratio", "1:1"),
        pixels=picture["pix_fmt"],
        video=picture["codec_name"],
        audio=kinds["audio"]["codec_name"] if "audio" in kinds else None,
    )
