"""What is asked about a request before anything else, and the answers. Pure.

A tenant's requests are limited by a bucket that `rate` fills, up to `burst`.
"""

import math
from uuid import UUID

import msgspec

from app.principal import Scope

HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


class Credential(msgspec.Struct, frozen=True):
    """What a request brings, its form already checked: a session of a user, or an API token."""

    session_id: UUID | None = None
    user_id: UUID | None = None
    token_hash: bytes | None = None


class Allowance(msgspec.Struct, frozen=True):
    """How much a tenant may ask for."""

    rate: float
    """Requests a second; 0 is no limit."""
    burst: int
    """Requests at once."""


DEFAULT = Allowance(rate=200.0, burst=400)


class Budget(msgspec.Struct, frozen=True):
    """Where a tenant's bucket stands after a request."""

    limit: int
    remaining: int
    reset: int
    """Seconds until the bucket is full again."""
    retry_after: int = 0
    """Seconds until there is something in it; more than 0 only if this request was refused."""

    def headers(self) -> list[tuple[bytes, bytes]]:
        """As an answer tells it."""
        values = (self.limit, self.remaining, self.reset)
        return [(name.lower().encode(), b"%d" % value) for name, value in zip(HEADERS, values, strict=True)]


class Owner(msgspec.Struct, frozen=True):
    """Whom a credential stands for."""

    tenant_id: UUID
    token_id: UUID | None
    scopes: frozenset[Scope]


class Admission(msgspec.Struct, frozen=True):
    """The answer to a valid credential."""

    owner: Owner
    budget: Budget | None
    """None without a limit."""


def budget(allowance: Allowance, *, spent: float, stock: int, refused: bool) -> Budget:
    """`spent`: seconds ahead of the clock that the bucket is spent; `stock`: taken out of it and not used."""
    left = math.floor(allowance.burst - spent * allowance.rate + 0.01) + stock
    wait = spent - (allowance.burst - 1) / allowance.rate
    return Budget(
        limit=allowance.burst,
        remaining=0 if refused else min(max(left, 0), allowance.burst),
        reset=math.ceil(spent),
        retry_after=max(1, math.ceil(wait)) if refused else 0,
    )
