"""Functions that Noonmark runs: register them with `@job`, name their module in the setting `FUNCTIONS`.

    from noonmark.functions import Context, job

    @job("invoices.remind", version=1, timeout_seconds=60)
    def remind(ctx: Context, params):
        ctx.progress(1, 1, "sent")
        return {"sent": True}

What its author needs belongs here, and the host that a scheduler starts beside itself to carry functions out
(`python -m noonmark.functions.host`). Standard library alone; nothing of the servers.
"""

from noonmark.functions.context import Context
from noonmark.functions.failures import Cancelled, Crashed, DuplicateFunction, PermanentFailure
from noonmark.functions.registry import Function, Hook, Registry, job

__all__ = [
    "Cancelled",
    "Context",
    "Crashed",
    "DuplicateFunction",
    "Function",
    "Hook",
    "PermanentFailure",
    "Registry",
    "job",
]
