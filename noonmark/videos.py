"""What can be asked about videos. Each is a job, too, and has the job's id."""

import os
from pathlib import Path
from uuid import UUID, uuid4

import msgspec

from noonmark import calls, sending
from noonmark.calls import Call, Id, Talking
from noonmark.model import Instant, JobError, State
from noonmark.saving import Download
from noonmark.sending import File


class InputFile(msgspec.Struct, frozen=True, kw_only=True):
    """A video as it was sent."""

    name: str
    size: int
    """Bytes."""
    sha256: str
    """In hexadecimal."""


class Video(msgspec.Struct, frozen=True, kw_only=True):
    """A video that is encoded, has been, or will be, as it was when the server answered."""

    id: UUID
    state: State
    input_file: InputFile
    quality: str
    format: str
    created_at: Instant
    progress: int | None = None
    """Percent, of the attempt that is under way; 100 at the end."""
    output_filename: str | None = None
    """Once it is encoded, and while it is kept."""
    output_size: int | None = None
    """Bytes."""
    download_url: str | None = None
    attempts_made: int = 0
    last_error: JobError | None = None
    started_at: Instant | None = None
    finished_at: Instant | None = None


_video = msgspec.json.Decoder(Video).decode
_PART = "video"


def encode(
    file: File,
    *,
    quality: str | None = None,
    format: str | None = None,
    priority: str | int | None = None,
    name: str | None = None,
    idempotency_key: str | None = None,
) -> Call[Video]:
    """Send a video and have it encoded. Once this returns, it is kept and its job committed.

    `file` is a path, a file that is open for reading bytes, or bytes; it is read while it is sent. `quality`
    is `720p`, `1080p` or `4k`, `format` `mp4` or `webm`. `name` is what it is called, else as the file is.
    With the same `idempotency_key` the same request makes no second video; without one the client makes one
    up, so that it can repeat a broken call.
    """
    given = {"quality": quality, "format": format, "priority": priority}
    fields = {key: str(value) for key, value in given.items() if value is not None}
    sent = sending.source(file)
    body = sending.form(fields, _PART, sent, name or sent.name or _PART)
    return Call("POST", "/v1/videos/encode", _video, body=body, key=idempotency_key or str(uuid4()))


def get(video_id: Id) -> Call[Video]:
    """Where it stands."""
    return calls.get(f"{_path(video_id)}/status", _video)


def download(video_id: Id, *, to: str | os.PathLike[str]) -> Download:
    """Save the encoded video as `to`, and give that path. Conflict while there is none."""
    return Download(calls.get(f"{_path(video_id)}/download", calls.nothing), Path(to))


def wait(video_id: Id, *, timeout: float | None = None, every: float = 0.5) -> Talking[Video]:
    """The video once it is over, asked for every so many seconds. TimedOut if it is not within `timeout`."""
    return calls.until_over(get(video_id), f"video {video_id}", timeout=timeout, every=every)


def _path(video_id: Id) -> str:
    return f"/v1/videos/{calls.identity(video_id)}"
