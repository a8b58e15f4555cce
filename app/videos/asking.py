"""What the fields of an upload say, and the names of files that come of it. Pure."""

import re
from collections.abc import Mapping
from typing import get_args

import msgspec

from app.faults import escaped
from app.jobs.schemas import PriorityName
from core.artifacts import names
from core.errors import Fault, Invalid
from core.jobs.videos import Format, Quality, Wish

_NUMBER = re.compile(r"[0-9]{1,3}")
_LARGEST_PRIORITY = 100
_FIELDS = ("quality", "format", "priority")
_UNNAMED = "video"
_LONGEST_STEM = 120


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A video to encode."""

    quality: Quality = Quality.HD
    format: Format = Format.MP4
    priority: PriorityName | int = "normal"


def asked(fields: Mapping[str, str]) -> Asked:
    """What is to be made. Raises Invalid with every fault."""
    faults = [
        Fault("unknown_field", f"is none of {', '.join(_FIELDS)}", pointer=f"/{escaped(name[:40])}")
        for name in fields
        if name not in _FIELDS
    ]
    quality, format = fields.get("quality", Quality.HD), fields.get("format", Format.MP4)
    priority = _priority(fields.get("priority", "normal"))
    if quality not in tuple(Quality):
        faults.append(_not_one_of("quality", Quality))
    if format not in tuple(Format):
        faults.append(_not_one_of("format", Format))
    if priority is None:
        words = ", ".join(get_args(PriorityName))
        faults.append(Fault("not_allowed", f"must be 0 to 100, or one of {words}", pointer="/priority"))
    if faults or priority is None:
        raise Invalid(faults)
    return Asked(quality=Quality(quality), format=Format(format), priority=priority)


def input_name(given: str) -> str:
    """What a video is called: without the folders that some browsers send along."""
    last = re.split(r"[/\\]", given)[-1].strip()
    return names.normal(last) or _UNNAMED


def output_name(wish: Wish) -> str:
    """What an encoded video is called when it is downloaded: `holiday-720p.mp4` of a `holiday.mov`."""
    stem = wish.input.rpartition(".")[0] or wish.input or _UNNAMED
    return f"{stem[:_LONGEST_STEM].rstrip()}-{wish.quality}.{wish.format}"


def _priority(given: str) -> PriorityName | int | None:
    for word in get_args(PriorityName):
        if given == word:
            found: PriorityName = word
            return found
    number = int(given) if _NUMBER.fullmatch(given) else _LARGEST_PRIORITY + 1
    return number if number <= _LARGEST_PRIORITY else None


def _not_one_of(name: str, kind: type[Quality] | type[Format]) -> Fault:
    return Fault("not_allowed", f"must be one of {', '.join(kind)}", pointer=f"/{name}")
