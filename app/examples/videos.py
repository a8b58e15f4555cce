"""A video, just sent and encoded."""

from uuid import UUID

import msgspec

from app.examples.jobs import ASKED_AT, ENDED_AT, FIRES_AT
from app.videos.schemas import InputFile, Video
from core.jobs.model import State
from core.jobs.videos import Format, Quality

_ID = UUID("0199b0f6-7d10-7e21-8a52-0f6c1f8f3a77")
WAITING = Video(
    id=_ID,
    state=State.QUEUED,
    input_file=InputFile(
        name="holiday.mov",
        size=48_211_004,
        sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    ),
    quality=Quality.HD,
    format=Format.MP4,
    progress=None,
    output_filename=None,
    output_size=None,
    download_url=None,
    attempts_made=0,
    last_error=None,
    created_at=ASKED_AT,
    started_at=None,
    finished_at=None,
)
ENCODED = msgspec.structs.replace(
    WAITING,
    state=State.SUCCEEDED,
    progress=100,
    output_filename="holiday-720p.mp4",
    output_size=21_400_312,
    download_url=f"https://noonmark.example/v1/videos/{_ID}/download",
    attempts_made=1,
    started_at=FIRES_AT,
    finished_at=ENDED_AT,
)
