"""What a definition is: a template of jobs under a key and version, of a tenant or of a registered function.

A job keeps what its definition said when it was created; only limits hold for what stands already.
"""

import re
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

KEY = r"[a-z0-9][a-z0-9._-]{0,99}"
MAX_VERSION = 1_000_000_000
_NAME = re.compile(rf"(?P<key>{KEY})(?:@(?P<version>[1-9][0-9]{{0,8}}))?")


class Name(msgspec.Struct, frozen=True):
    """How a definition is called: `key@version`, or a key alone for its newest version."""

    key: str
    version: int | None = None

    def __str__(self) -> str:
        return self.key if self.version is None else f"{self.key}@{self.version}"


def parse_name(text: str) -> Name | None:
    """None for what is no name."""
    found = _NAME.fullmatch(text)
    if found is None:
        return None
    version = found["version"]
    return Name(found["key"], None if version is None else int(version))


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """A definition as the tables have it. Field order is the statements'."""

    id: UUID
    key: str
    version: int
    description: str
    target: str
    """JSON of what it was given as target, values of secrets masked; verbatim."""
    sealed: bytes | None
    """Values of secret headers or variables, by their names."""
    timeout_seconds: int | None
    """None: as the job's queue says."""
    priority: int
    queue: str
    labels: str
    """JSON."""
    retry: str | None
    """JSON; none: as the job's queue says."""
    success: str
    """JSON."""
    concurrency_limit: int | None
    params_schema: str | None
    """JSON."""
    result_schema: str | None
    """JSON."""
    created_at: datetime
    changed_at: datetime
    registered: bool = False
    """Whether it is of a function: then it is everybody's, and its id is that of its limit."""

    @property
    def name(self) -> str:
        """How it is called."""
        return f"{self.key}@{self.version}"


class Function(msgspec.Struct, frozen=True, kw_only=True):
    """A registered function as a scheduler publishes it."""

    key: str
    version: int
    description: str
    timeout_seconds: int
    max_attempts: int
    concurrency: int | None
    """Attempts at one time, over the fleet and all tenants; none is as many as come."""
    params_schema: dict[str, Any] | None

    @property
    def name(self) -> str:
        """How it is called."""
        return f"{self.key}@{self.version}"
