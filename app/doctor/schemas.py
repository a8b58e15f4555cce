"""What the doctor answers."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta


class Verdict(StrEnum):
    """How bad it is, from good to bad."""

    FINE = "fine"
    WARNING = "warning"
    FAILING = "failing"


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    name: str
    verdict: Verdict
    value: Annotated[float | int | None, Meta(description="In the unit that the name ends with.")]
    trouble: Annotated[str | None, Meta(description="What is wrong or lacking; null if nothing is.")] = None
    advice: Annotated[str | None, Meta(description="What to do about it; null if nothing need be.")] = None


class Report(msgspec.Struct, frozen=True):
    """The state of the installation."""

    verdict: Annotated[Verdict, Meta(description="The worst of all findings.")]
    findings: list[Finding]
