"""Working through a list: at once, or in batches that say how far they are."""

import time
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from noonmark.functions import Context, job

MOST_ITEMS = 10_000
_STEP_SECONDS = 0.05

DATA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "records": {
            "type": "array",
            "items": {"type": "object"},
            "maxItems": MOST_ITEMS,
        },
        "field": {
            "type": "string",
            "description": "Sum up this field of the records that have a number there.",
        },
    },
    "required": ["records"],
    "additionalProperties": False,
}
BATCH: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "items": {
            "description": "The items, or how many there are.",
            "oneOf": [
                {"type": "array", "maxItems": MOST_ITEMS},
                {"type": "integer", "minimum": 0, "maximum": MOST_ITEMS},
            ],
        },
        "batch_size": {"type": "integer", "minimum": 1, "maximum": MOST_ITEMS, "default": 10},
        "pause_seconds": {
            "type": "number",
            "minimum": 0,
            "maximum": 60,
            "default": 0,
            "description": "Waited between two batches.",
        },
    },
    "required": ["items"],
    "additionalProperties": False,
}


@job("process.data", version=1, timeout_seconds=120, max_attempts=3, schema=DATA)
def data(ctx: Context, params: Any) -> dict[str, Any]:
    """Counts records and their fields, and sums one field up."""
    records: Sequence[Mapping[str, Any]] = params["records"]
    fields: dict[str, int] = {}
    for record in records:
        ctx.raise_if_cancelled()
        for name in record:
            fields[name] = fields.get(name, 0) + 1
    summary = {"count": len(records), "fields": fields}
    return summary | ({"summary": _summed(records, params["field"])} if "field" in params else {})


@job("process.batch", version=1, timeout_seconds=600, max_attempts=3, schema=BATCH)
def batch(ctx: Context, params: Any) -> dict[str, Any]:
    """Works through items in batches, and tells its progress after each."""
    items: Sequence[Any] = range(params["items"]) if isinstance(params["items"], int) else params["items"]
    size = params.get("batch_size", 10)
    starts = range(0, len(items), size)
    for number, start in enumerate(starts, start=1):
        ctx.raise_if_cancelled()
        done = min(start + size, len(items))
        ctx.progress(done, len(items), f"batch {number} of {len(starts)}")
        if done < len(items):
            _pause(ctx, params.get("pause_seconds", 0))
    return {"items": len(items), "batches": len(starts)}


def _summed(records: Sequence[Mapping[str, Any]], field: str) -> dict[str, Any]:
    values = [record[field] for record in records if isinstance(record.get(field), int | float)]
    if not values:
        return {"field": field, "numbers": 0}
    return {
        "field": field,
        "numbers": len(values),
        "sum": sum(values),
        "mean": fmean(values),
        "min": min(values),
        "max": max(values),
    }


def _pause(ctx: Context, seconds: float) -> None:
    """In small steps, so that a cancel is seen soon."""
    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0:
        ctx.raise_if_cancelled()
        time.sleep(min(left, _STEP_SECONDS))
