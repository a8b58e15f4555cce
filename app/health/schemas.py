"""What the probes answer."""

from typing import Literal

import msgspec


class Health(msgspec.Struct, frozen=True):
    """The process runs."""

    status: Literal["ok"] = "ok"


class Readiness(msgspec.Struct, frozen=True):
    """The process can do its work."""

    status: Literal["ready"] = "ready"
