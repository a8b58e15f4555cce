"""What can be asked about dead letters. A dead letter has the id of its job, and outlives it."""

from dataclasses import replace
from typing import Any, Unpack

import msgspec

from noonmark import calls
from noonmark.calls import Call, Id, Listing
from noonmark.model import DeadLetter, Job, Page
from noonmark.options import LETTERS, Difference, LetterFilter, changed, filtering, selecting

_letter = msgspec.json.Decoder(DeadLetter).decode
_letters = msgspec.json.Decoder(Page[DeadLetter]).decode
_job = msgspec.json.Decoder(Job).decode


def listed(
    *, limit: int | None = None, cursor: str | None = None, **which: Unpack[LetterFilter]
) -> Listing[DeadLetter]:
    """Jobs that failed for good, newest first, without their bodies."""
    return calls.get("/v1/dlq", _letters, filtering(which, LETTERS) + calls.paging(limit, cursor))


def get(job_id: Id) -> Call[DeadLetter]:
    """What the job had asked for, and what ended it."""
    return calls.get(_path(job_id), _letter)


def replay(job_id: Id, *, idempotency_key: str | None = None, **difference: Unpack[Difference]) -> Call[Job]:
    """A new job with the same request, once: Conflict when that was done before."""
    return calls.making(f"{_path(job_id)}/replay", _job, changed(difference), idempotency_key)


def replay_all(
    *, everything: bool = False, idempotency_key: str | None = None, **which: Unpack[LetterFilter]
) -> Call[dict[str, Any]]:
    """Replay every dead letter that fits and was not replayed yet; what was done is counted."""
    body = selecting(which, LETTERS, everything=everything)
    return calls.making("/v1/dlq:replay", calls.counted, body, idempotency_key)


def purge(*, everything: bool = False, **which: Unpack[LetterFilter]) -> Call[dict[str, Any]]:
    """Delete every dead letter that fits, for good; what was done is counted."""
    body = selecting(which, LETTERS, everything=everything)
    return replace(calls.post("/v1/dlq:purge", calls.counted, body), safe=True)


def _path(job_id: Id) -> str:
    return f"/v1/dlq/{calls.identity(job_id)}"
