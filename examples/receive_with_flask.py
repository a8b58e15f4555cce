"""Receive with Flask: the raw bytes are verified before anything parses them.

NOONMARK_WEBHOOK_SECRET=whsec_… flask --app examples.receive_with_flask run --port 9000

Delivery is at least once: docs/receiving.md shows how the work is done only once."""

import os

from flask import Flask, abort, request

import noonmark

SECRETS = os.environ.get("NOONMARK_WEBHOOK_SECRET", "").split()  # Two of them while one is being replaced.


def work(delivery: noonmark.Delivery) -> None:
    print(f"job {delivery.id}, attempt {delivery.attempt}: {delivery.body!r}", flush=True)


app = Flask(__name__)


@app.post("/hook")
def hook() -> tuple[str, int]:
    body = request.get_data()  # Not `request.json`: that is parsed.
    try:
        delivery = noonmark.verify(SECRETS, dict(request.headers), body)
    except noonmark.InvalidSignature as refused:
        abort(401, refused.reason)
    work(delivery)
    return "", 204
