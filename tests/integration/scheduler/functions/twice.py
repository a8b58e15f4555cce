"""A module that registers what another one has registered."""

from typing import Any

from noonmark.functions import Context, job


@job("told", version=1)
def told(ctx: Context, params: Any) -> None: ...
