"""Functions that show whether functions work at all: one that answers, one that fails."""

from typing import Any

from noonmark.functions import Context, PermanentFailure, job

ECHO: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {"message": {"description": "What comes back. Any JSON value."}},
    "required": ["message"],
    "additionalProperties": False,
}
FAILING: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": ["object", "null"],
    "properties": {
        "message": {"type": "string", "maxLength": 500, "default": "failed as it was told to"},
        "permanent": {"type": "boolean", "default": False, "description": "Fail so that nothing is retried."},
        "failures": {
            "type": "integer",
            "minimum": 1,
            "description": "Fail so many attempts, then succeed. Without it every attempt fails.",
        },
    },
    "additionalProperties": False,
}


@job("echo", version=1, timeout_seconds=30, max_attempts=3, schema=ECHO)
def echo(ctx: Context, params: Any) -> dict[str, Any]:
    """Gives its message back."""
    ctx.log("echo", message=params["message"])
    return {"message": params["message"]}


@job("failing", version=1, timeout_seconds=30, max_attempts=3, schema=FAILING)
def failing(ctx: Context, params: Any) -> dict[str, Any]:
    """Fails: always, for good, or so many times."""
    wanted: dict[str, Any] = params or {}
    if ctx.attempt > wanted.get("failures", ctx.attempt):
        return {"succeeded_at_attempt": ctx.attempt}
    message = wanted.get("message", "failed as it was told to")
    if wanted.get("permanent", False):
        raise PermanentFailure(message)
    raise RuntimeError(message)
