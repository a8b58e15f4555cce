"""Functions that Noonmark runs for you, by their names, each attempt in a process of its own.

Name this module to the scheduler (`FUNCTIONS=examples.functions`), then order `invoices.total@1` or
`feeds.import@1`. Here they are called as they can be in your own tests: python -m examples.functions"""

import time
from typing import Any

from noonmark.functions import Context, PermanentFailure, job

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {"cents": {"type": "array", "items": {"type": "integer"}}},
    "required": ["cents"],
}


@job("invoices.total", version=1, timeout_seconds=10, schema=SCHEMA)
def total(ctx: Context, params: dict[str, Any]) -> dict[str, int]:
    """Adds up the lines of an invoice."""
    if any(each < 0 for each in params["cents"]):
        raise PermanentFailure("an invoice has no negative lines")  # Another attempt would not help.
    return {"cents": sum(params["cents"])}


@job("feeds.import", version=1, timeout_seconds=600, max_attempts=3, concurrency=2)
def import_feed(ctx: Context, params: dict[str, Any]) -> dict[str, int]:
    """Imports entries one by one, tells how far it is, and stops when it is told to."""
    entries = params["entries"]
    for done, entry in enumerate(entries, start=1):
        ctx.raise_if_cancelled()
        ctx.log("imported", entry=entry)
        ctx.progress(done, len(entries))
        time.sleep(params.get("seconds_each", 0))
    (ctx.output_dir / "imported.txt").write_text("\n".join(entries))
    return {"imported": len(entries)}


@import_feed.on_fail
def tell_somebody(ctx: Context, error: BaseException) -> None:
    """After the last attempt only."""
    ctx.log("the feed was given up", attempts=ctx.attempt, error=str(error))


@import_feed.on_end
def clean_up(ctx: Context) -> None:
    """After every attempt, whether it succeeded, failed or was cancelled."""
    ctx.log("ended", how=ctx.ending)


if __name__ == "__main__":
    print(total(Context(), {"cents": [1990, 500]}))
