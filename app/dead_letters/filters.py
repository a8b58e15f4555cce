"""Which dead letters are meant, and how a query says so; `app.jobs.filters` has the words that jobs share."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request
from litestar.params import QueryParameter

from app.jobs import filters
from app.jobs.filters import Labels, Queue, UrlContains
from core.errors import Invalid

ErrorCode = Annotated[
    str | None,
    QueryParameter(description="Of the error that ended the job.", min_length=1, max_length=255),
]
FailedAfter = Annotated[str | None, filters.instant("Failed at this instant or later.")]
FailedBefore = Annotated[str | None, filters.instant("Failed before this instant.")]


class LetterFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which dead letters; nothing that is given is everything."""

    queue: str | None = None
    labels: dict[str, str] = {}
    error_code: str | None = None
    failed_after: datetime | None = None
    failed_before: datetime | None = None
    url_contains: str | None = None


def asked(
    request: Request[Any, Any, Any],
    queue: Queue = None,
    label: Labels = None,
    error_code: ErrorCode = None,
    failed_after: FailedAfter = None,
    failed_before: FailedBefore = None,
    url_contains: UrlContains = None,
) -> LetterFilter:
    """The filter of a query. Raises Invalid with the name of every parameter that does not fit."""
    spoken = {"failed_after": failed_after, "failed_before": failed_before}
    known = {"queue", "label", "error_code", "url_contains", "limit", "cursor", *spoken}
    faults = filters.strangers(request, known)
    times = filters.instants(spoken, faults)
    labels = filters.pairs(label, faults)
    if faults:
        raise Invalid(faults)
    return LetterFilter(queue=queue, labels=labels, error_code=error_code, url_contains=url_contains, **times)
