"""Which jobs are meant, and how a query says so.

All that is given must fit. `after` is inclusive and `before` is not, so that neighbouring spans share no job.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request
from litestar.openapi.spec import OpenAPIType, Schema
from litestar.params import QueryParameter

from app.jobs import checks
from app.jobs.schemas import Instant
from core.egress.urls import MAX_URL
from core.errors import Fault, Invalid
from core.jobs.model import State

_REPEATED = {"state", "label"}
_MAX_LABELS = 32


def instant(description: str) -> QueryParameter:
    return QueryParameter(description=description, schema_extra={"format": "date-time"})


States = Annotated[
    list[str] | None,
    QueryParameter(
        name="state",
        description="Any of these; may be repeated.",
        schema_extra={"items": Schema(type=OpenAPIType.STRING, enum=[str(state) for state in State])},
    ),
]
Queue = Annotated[str | None, QueryParameter(description="Name of a queue.", min_length=1, max_length=255)]
Labels = Annotated[
    list[str] | None,
    QueryParameter(
        description="`name=value`, or `name:value` without any `=`; may be repeated, and all must fit.",
        max_items=_MAX_LABELS,
    ),
]
UrlContains = Annotated[
    str | None,
    QueryParameter(
        description="Part of the target's URL. Many jobs may be looked through: pages may be short.",
        min_length=1,
        max_length=MAX_URL,
    ),
]
CreatedAfter = Annotated[str | None, instant("Created at this instant or later.")]
CreatedBefore = Annotated[str | None, instant("Created before this instant.")]
FireAfter = Annotated[str | None, instant("To fire at this instant or later.")]
FireBefore = Annotated[str | None, instant("To fire before this instant.")]


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which jobs; nothing that is given is everything."""

    states: frozenset[State] = frozenset()
    queue: str | None = None
    labels: dict[str, str] = {}
    created_after: datetime | None = None
    created_before: datetime | None = None
    fire_after: datetime | None = None
    fire_before: datetime | None = None
    url_contains: str | None = None


def asked(
    request: Request[Any, Any, Any],
    states: States = None,
    queue: Queue = None,
    label: Labels = None,
    created_after: CreatedAfter = None,
    created_before: CreatedBefore = None,
    fire_after: FireAfter = None,
    fire_before: FireBefore = None,
    url_contains: UrlContains = None,
) -> Filter:
    """The filter of a query. Raises Invalid with the name of every parameter that does not fit."""
    spoken = {"created_after": created_after, "created_before": created_before}
    spoken |= {"fire_after": fire_after, "fire_before": fire_before}
    known = {"state", "queue", "label", "url_contains", "limit", "cursor", *spoken}
    faults = strangers(request, known)
    times = instants(spoken, faults)
    labels = pairs(label, faults)
    if not set(states or ()) <= set(State):
        message = f"must be one of {', '.join(State)}"
        faults.append(Fault("not_allowed", message, parameter="state"))
    if faults:
        raise Invalid(faults)
    found = frozenset(map(State, states or ()))
    return Filter(states=found, queue=queue, labels=labels, url_contains=url_contains, **times)


def strangers(request: Request[Any, Any, Any], known: set[str]) -> list[Fault]:
    """Parameters that the route does not know, and single ones that were given twice."""
    given = [name for name, _ in request.query_params.multi_items()]
    faults = [
        Fault("unknown_parameter", "is not a known parameter", parameter=name)
        for name in dict.fromkeys(given)
        if name not in known
    ]
    twice = {name for name in given if given.count(name) > 1} & known - _REPEATED
    return faults + [Fault("conflicting", "may be given once", parameter=name) for name in sorted(twice)]


def instants(spoken: Mapping[str, str | None], faults: list[Fault]) -> dict[str, datetime | None]:
    """Parameters as instants; what is none is added to the faults."""
    return {name: None if text is None else _instant_of(name, text, faults) for name, text in spoken.items()}


def _instant_of(name: str, text: str, faults: list[Fault]) -> datetime | None:
    try:
        at = msgspec.convert(text, Instant)
    except msgspec.ValidationError:
        message = "must be an RFC 3339 time with an offset"
        faults.append(Fault("wrong_format", message, parameter=name))
        return None
    if not checks.in_range(at):
        faults.append(Fault("out_of_range", checks.YEARS, parameter=name))
    return at


def pairs(label: list[str] | None, faults: list[Fault]) -> dict[str, str]:
    """Labels of a query; what is none is added to the faults."""
    found: dict[str, str] = {}
    for text in label or ():
        name, sign, value = text.partition("=" if "=" in text else ":")
        if not sign or not name or found.get(name, value) != value:
            message = "must be name=value, each name once"
            faults.append(Fault("wrong_format", message, parameter="label"))
        found[name] = value
    return found
