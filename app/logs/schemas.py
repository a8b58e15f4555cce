"""What routes about logs take and give."""

from typing import Annotated

from litestar.params import QueryParameter
from msgspec import Meta, Struct

from app.jobs.schemas import Instant
from core.logs.model import Mark, Stream

POSITION = r"^[0-9]{1,5}-[0-9]{1,9}$"

Limit = Annotated[int, QueryParameter(description="Lines on a page.", ge=1, le=1000)]
After = Annotated[
    str | None,
    QueryParameter(
        description="The `position` of a line: only what was printed after it. Without it, from the start.",
        pattern=POSITION,
    ),
]
Attempt = Annotated[int | None, QueryParameter(description="Only this attempt's.", ge=1, le=32767)]
Of = Annotated[Stream | None, QueryParameter(description="Only what was printed to this stream.")]


class LogLine(Struct, frozen=True, kw_only=True):
    """A line that an attempt printed."""

    position: Annotated[
        str, Meta(description="Attempt and number of the line, `1-42`: its place in all that was printed.")
    ]
    attempt: int
    stream: Stream
    at: Annotated[Instant, Meta(description="When it came, to about a tenth of a second.")]
    text: Annotated[str, Meta(description="Without its end. What was no UTF-8 reads U+FFFD.")]
    mark: Annotated[
        Mark | None,
        Meta(
            description="`cut`: it was too long and goes on in the next line of its stream. `truncated`: "
            "what the attempt printed after this is not kept. `dropped`: lines are missing here."
        ),
    ]


class Logs(Struct, frozen=True):
    """A page of what a job's attempts printed, oldest first."""

    items: list[LogLine]
    next_cursor: Annotated[
        str | None,
        Meta(description="Give it as `after` for the next page; null if nothing more is there yet."),
    ]


class End(Struct, frozen=True):
    """The last event of a stream: nothing more will be printed."""

    state: Annotated[
        str | None, Meta(description="How the job ended; null if only the attempt asked for is over.")
    ]
