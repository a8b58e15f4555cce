"""What routes about videos take and give."""

from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct

from app.jobs.schemas import Instant, JobError
from core.jobs.model import State
from core.jobs.videos import Format, Quality


class InputFile(Struct, frozen=True, kw_only=True):
    """The video that was sent."""

    name: Annotated[str, Meta(description="What its sender calls it.")]
    size: Annotated[int, Meta(description="Bytes.")]
    sha256: Annotated[str, Meta(description="In hexadecimal.")]


class Video(Struct, frozen=True, kw_only=True):
    """A video that is encoded, has been, or will be. It is a job, too, and has the job's id."""

    id: UUID
    state: State
    input_file: InputFile
    quality: Quality
    format: Format
    progress: Annotated[
        Annotated[int, Meta(ge=0, le=100)] | None,
        Meta(description="Percent, of the attempt that is under way; 100 at the end."),
    ]
    output_filename: Annotated[str | None, Meta(description="Once it is encoded.")]
    output_size: Annotated[int | None, Meta(description="Bytes.")]
    download_url: Annotated[str | None, Meta(description="Where it is, once it is encoded.")]
    attempts_made: int
    last_error: Annotated[JobError | None, Meta(description="Of the last attempt that did not succeed.")]
    created_at: Instant
    started_at: Instant | None
    finished_at: Instant | None


ENCODE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "video": {"type": "string", "format": "binary", "description": "The file; at most 500 MiB."},
        "quality": {"enum": [each.value for each in Quality], "default": "720p"},
        "format": {"enum": [each.value for each in Format], "default": "mp4"},
        "priority": {"type": "string", "description": "0 to 100, or a word.", "default": "normal"},
    },
    "required": ["video"],
    "additionalProperties": False,
}
"""What is sent as `multipart/form-data`; the order of its parts does not count."""
