"""Functions whose story the tests read: named to a scheduler by `NOONMARK_FUNCTIONS`."""

import time
from typing import Any

from noonmark.functions import Context, job


@job("told.story", version=1)
def story(ctx: Context, params: Any) -> str:
    """Tells, and ends as it is told to."""
    ctx.progress(1, 2, "half")
    ctx.event("uploaded", bytes=3)
    while params == "wait":
        ctx.raise_if_cancelled()
        time.sleep(0.02)
    if params == "fail":
        raise ValueError("as told")
    ctx.progress(2, 2)
    return "done"


@story.on_start
def begin(ctx: Context) -> None:
    """First."""


@story.on_success
def celebrate(ctx: Context, result: Any) -> None:
    """After a success, which no error of a hook changes."""
    raise KeyError("confetti")


@story.on_fail
def mourn(ctx: Context, error: BaseException) -> None:
    """After the last attempt alone."""


@story.on_end
def clean_up(ctx: Context) -> None:
    """Last, always."""
