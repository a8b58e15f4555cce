"""Receive with Litestar: the raw bytes are verified before anything parses them.

NOONMARK_WEBHOOK_SECRET=whsec_… uvicorn examples.receive_with_litestar:app --port 9000

Delivery is at least once: docs/receiving.md shows how the work is done only once."""

import os
from typing import Any

from litestar import Litestar, Request, post
from litestar.exceptions import NotAuthorizedException

import noonmark

SECRETS = os.environ.get("NOONMARK_WEBHOOK_SECRET", "").split()  # Two of them while one is being replaced.


def work(delivery: noonmark.Delivery) -> None:
    print(f"job {delivery.id}, attempt {delivery.attempt}: {delivery.body!r}", flush=True)


@post("/hook", status_code=204)
async def hook(request: Request[Any, Any, Any]) -> None:
    body = await request.body()  # Not a `data` parameter: that would be parsed.
    try:
        delivery = noonmark.verify(SECRETS, request.headers, body)
    except noonmark.InvalidSignature as refused:
        raise NotAuthorizedException(refused.reason) from refused
    work(delivery)


app = Litestar([hook])
