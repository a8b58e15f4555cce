"""By what jobs are unique, as it is submitted and shown."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta


class OnConflict(StrEnum):
    """What becomes of a new job whose twin stands."""

    REJECT = "reject"
    """It is refused; the refusal names the twin."""
    RETURN = "return"
    """The twin is the answer."""
    REPLACE = "replace"
    """It takes the place of the twin, which is cancelled, unless that has started."""


class Unique(msgspec.Struct, frozen=True, kw_only=True):
    """By what no two jobs of a queue may stand at once: a key, or else the request itself."""

    key: (
        Annotated[str, Meta(min_length=1, max_length=255, description="Your name for what is unique.")] | None
    ) = None
    window_seconds: (
        Annotated[
            int,
            Meta(
                ge=1,
                le=31_536_000,
                description="After its creation a job stands for so long, even once it succeeded.",
            ),
        ]
        | None
    ) = None
    on_conflict: Annotated[
        OnConflict,
        Meta(description="While a twin stands: 409, the twin itself, or the new job in the twin's place."),
    ] = OnConflict.REJECT


class UniqueRule(Unique, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """By what no two jobs of a queue may stand at once: a key, or else the request itself."""
