"""What the route of replicas gives."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from app.jobs.schemas import Instant


class ReplicaState(StrEnum):
    """How a replica is doing."""

    ALIVE = "alive"
    DRAINING = "draining"
    """It was told to stop, and finishes what it holds."""
    LOST = "lost"
    """It stopped beating; what it held is reaped."""


class Replica(msgspec.Struct, frozen=True, kw_only=True):
    """One scheduler process."""

    id: UUID
    state: ReplicaState
    started_at: Instant
    beat_at: Annotated[Instant, Meta(description="When it last said that it lives.")]
    offers: Annotated[
        list[str],
        Meta(
            description="What it runs: `http`, `process`, `docker`, `kubernetes`, `function`.",
            examples=[["http"]],
        ),
    ]
    concurrency: Annotated[int, Meta(description="Calls it may have in flight.")]
    in_flight: Annotated[int, Meta(description="Leases of yours that it holds; calls of others do not show.")]


class Replicas(msgspec.Struct, frozen=True):
    """All of them, newest first; one that is long gone is forgotten."""

    items: list[Replica]
    next_cursor: str | None = None
