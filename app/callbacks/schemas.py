"""What an attempt's code may tell, and what it is answered."""

from typing import Annotated, Any

from msgspec import Meta, Struct

_Words = Annotated[str, Meta(max_length=1000)]


class TellProgress(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How far it is."""

    done: Annotated[float, Meta(ge=0, examples=[3])]
    total: Annotated[float, Meta(ge=0, examples=[12])] | None = None
    message: _Words = ""


class TellEvent(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something of its own."""

    name: Annotated[str, Meta(min_length=1, max_length=100, examples=["uploaded"])]
    data: dict[str, Any] = {}


class Tell(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What joins the history of the job, each that is given as an event. Nothing at all only checks in."""

    progress: TellProgress | None = None
    event: TellEvent | None = None
    line: Annotated[
        Annotated[str, Meta(max_length=8192)] | None,
        Meta(description="A line for the history; what is printed is kept as the job's log."),
    ] = None
    note: Annotated[_Words | None, Meta(description="That it is still at work, and with what.")] = None


class Heard(Struct, frozen=True, kw_only=True):
    """It was kept."""

    cancel_requested: Annotated[
        bool, Meta(description="Whether the job is to be cancelled: stop, before you are stopped.")
    ]
