"""What can be asked about dead letters. A dead letter has the id of its job, and outlives it."""

from typing import Unpack

import msgspec

from noonmark import calls
from noonmark.calls import Call, Id, Listing
from noonmark.model import DeadLetter, Job, Page
from noonmark.options import LETTERS, Difference, LetterFilter, changed, filtering

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


def _path(job_id: Id) -> str:
    return f"/v1/dlq/{calls.identity(job_id)}"
