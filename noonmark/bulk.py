"""What is done to many at once: by a filter, or expressly to all.

The server works for some seconds and may then say that there is more. It is asked again until there is not,
and the numbers are added up. Doing it again changes nothing that is done already, so a broken call is
repeated; what a lost answer had counted is then missing from the numbers.
"""

from collections.abc import Generator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar, Unpack

import httpx
import msgspec

from noonmark import calls
from noonmark.calls import Call, Pause
from noonmark.model import Cancelled, Many, Purged, Replayed
from noonmark.options import LETTERS, Filter, LetterFilter, seconds, selecting

M = TypeVar("M", bound=Many)

Done = Generator[Call[Any] | Pause, httpx.Response, M]

_cancelled = msgspec.json.Decoder(Cancelled).decode
_replayed = msgspec.json.Decoder(Replayed).decode
_purged = msgspec.json.Decoder(Purged).decode


def cancel(*, everything: bool = False, dry_run: bool = False, **which: Unpack[Filter]) -> Done[Cancelled]:
    """End every job that fits a filter and is not over, or with `everything` all. `dry_run` only counts."""
    body = selecting(which, everything=everything)
    return _all(calls.post("/v1/jobs:cancel", _cancelled, body), body, dry_run=dry_run)


def replay(
    *,
    everything: bool = False,
    dry_run: bool = False,
    per_second: float | None = None,
    **which: Unpack[LetterFilter],
) -> Done[Replayed]:
    """Replay every dead letter that fits and was not. `per_second` spreads the new jobs' fire times."""
    body = selecting(which, LETTERS, everything=everything)
    body |= {} if per_second is None else {"per_second": per_second}
    return _all(calls.post("/v1/dlq:replay", _replayed, body), body, dry_run=dry_run)


def purge(
    *,
    everything: bool = False,
    dry_run: bool = False,
    older_than: timedelta | float | None = None,
    **which: Unpack[LetterFilter],
) -> Done[Purged]:
    """Delete every dead letter that fits, for good. `older_than` is by the server's clock."""
    age = {} if older_than is None else {"older_than_seconds": round(seconds(older_than))}
    body = age | selecting(which, LETTERS, everything=everything, narrowed=bool(age))
    return _all(calls.post("/v1/dlq:purge", _purged, body), body, dry_run=dry_run)


def _all(call: Call[M], body: Mapping[str, Any], *, dry_run: bool) -> Done[M]:
    """Until there is no more. Counting alone begins anew each time, so it is asked for once."""
    content = msgspec.json.encode({**body, "dry_run": True} if dry_run else body)
    call = replace(call, content=content, safe=True)
    done = part = yield from call
    while part.more and part.matched and not dry_run:
        part = yield from call
        done = _sum(done, part)
    return done


def _sum(before: M, after: M) -> M:
    counts = msgspec.structs.asdict(before)
    added = {name: count + counts[name] for name, count in msgspec.structs.asdict(after).items()}
    return msgspec.structs.replace(after, **{**added, "more": after.more})
