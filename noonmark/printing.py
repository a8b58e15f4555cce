"""What jobs print: reading it, and following it while it is printed.

Following is a stream of server-sent events. `Following` knows how to ask for it, what it says and where to go
on after a break; the clients only send, read and wait (see `noonmark.bound`).
"""

from collections.abc import Generator
from dataclasses import dataclass, replace

import httpx
import msgspec

from noonmark import calls
from noonmark.calls import Call, Id, Listing, Query
from noonmark.model import LogLine, Page

BREAK_SECONDS = 1.0
"""Between a stream that broke off and the next."""
SILENCE_SECONDS = 45.0
"""Without a sign of life, after which a stream is taken for broken; the server gives one every 15."""

_page = msgspec.json.Decoder(Page[LogLine]).decode
_line = msgspec.json.Decoder(LogLine).decode


def logs(
    job_id: Id,
    *,
    after: str | None = None,
    attempt: int | None = None,
    stream: str | None = None,
    limit: int | None = None,
) -> Listing[LogLine]:
    """What the job has printed until now, oldest first; `after` a line's `position`, if given."""
    query = _query(attempt, stream) + calls.paging(limit, None)
    listing = replace(calls.get(f"/v1/jobs/{calls.identity(job_id)}/logs", _page, query), cursor="after")
    return listing if after is None else calls.after(listing, after)


@dataclass(slots=True)
class Following:
    """One log that is followed: what has come, and whether more may come."""

    path: str
    query: Query
    position: str | None
    over: bool = False
    _event: str = ""
    _data: str = ""
    _rest: str = ""

    def call(self) -> Call[None]:
        """The stream from where we are."""
        self._rest = self._event = self._data = ""
        after = () if self.position is None else (("after", self.position),)
        return calls.get(self.path, calls.nothing, self.query + after)

    def take(self, text: str) -> list[LogLine]:
        """What a part of the stream completes."""
        *lines, self._rest = (self._rest + text).split("\n")
        found = [self._line(line.removesuffix("\r")) for line in lines]
        return [line for line in found if line is not None]

    def _line(self, text: str) -> LogLine | None:
        if text:
            name, _, value = text.partition(": ")
            self._event = value if name == "event" else self._event
            self._data = value if name == "data" else self._data
            return None
        event, data, self._event, self._data = self._event, self._data, "", ""
        self.over = self.over or event == "end"
        if event or not data:
            return None
        line = _line(data)
        self.position = line.position
        return line


def follow_logs(
    job_id: Id, *, after: str | None = None, attempt: int | None = None, stream: str | None = None
) -> Following:
    """What the job prints, line by line as it comes, until it is over; of an `attempt`, until that is."""
    path = f"/v1/jobs/{calls.identity(job_id)}/logs/stream"
    return Following(path, _query(attempt, stream), after)


@dataclass(frozen=True, slots=True)
class Opening:
    """The talk that opens a stream: its result is the answer, whose body is still to come."""

    call: Call[None]

    def __iter__(self) -> Generator[Call[None], httpx.Response, httpx.Response]:
        return (yield self.call)


def _query(attempt: int | None, stream: str | None) -> Query:
    given = (("attempt", attempt), ("stream", stream))
    return tuple((name, str(value)) for name, value in given if value is not None)
