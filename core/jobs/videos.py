"""What it takes to have a video encoded: the API asks for it, a function does it.

A request for a job may ask for an attempt of an hour at most. A video may take two: that is not asked for by
its sender but set here, once for all videos.
"""

from enum import StrEnum

import msgspec

KEY = "encode.video"
VERSION = 1
FUNCTION = f"{KEY}@{VERSION}"
TIMEOUT_SECONDS = 7_200
MAX_ATTEMPTS = 2
AT_ONCE = 3
"""Everywhere."""
LARGEST = 500 * 1024 * 1024
"""Bytes of a video that is sent."""


class Quality(StrEnum):
    """How large the picture becomes."""

    HD = "720p"
    FULL_HD = "1080p"
    ULTRA_HD = "4k"


class Format(StrEnum):
    """What it is packed in, and coded by."""

    MP4 = "mp4"
    """H.264 and AAC."""
    WEBM = "webm"
    """VP9 and Opus."""


class Wish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be made: the job's params."""

    quality: Quality = Quality.HD
    format: Format = Format.MP4
    input: str = ""
    """What the video is called; for show, never part of a path."""

    @property
    def file(self) -> str:
        """What the function leaves in its output folder."""
        return f"video.{self.format}"
