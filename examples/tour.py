"""A first signed webhook on servers that are up: makes a tenant, has itself called, and verifies what comes.

NOONMARK_URL=… NOONMARK_ADMIN_SECRET=… python -m examples.tour http://this-machine:9000"""

import os
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

import httpx

import noonmark
from examples import receiver
from noonmark.command import configuration

JOBS = (("POST", "/invoice", 2.0), ("POST", "/report", 2.0), ("PUT", "/cache", 3.0), ("PATCH", "/flag", 4.0))


def tenant(url: str, secret: str) -> str:
    """The operator makes a tenant for programs, with a token. People sign in by a mailed link instead."""
    operator = {"Authorization": f"Bearer {secret}"}
    for _ in range(60):  # Everything may be starting at this moment.
        with suppress(httpx.TransportError):
            answer = httpx.post(f"{url}/v1/tenants", json={"name": "tour"}, headers=operator, timeout=10)
            if answer.status_code != 503:
                return str(answer.raise_for_status().json()["token"]["token"])
        time.sleep(0.5)
    sys.exit(f"{url} does not serve")


def schedule(client: noonmark.Client, here: str) -> list[str]:
    start, ids = datetime.now(UTC), list[str]()
    for method, path, seconds in JOBS:
        at = start + timedelta(seconds=seconds)
        job = client.jobs.create(here + path, method=method, body={"fire_at": at.isoformat()}, fire_at=at)
        ids.append(str(job.id))
    return ids


def main(url: str, secret: str, here: str) -> None:
    token = tenant(url, secret)
    with noonmark.Client(url, token) as client:
        receiver.SECRETS.extend(each.secret for each in client.signing_secrets.list())
        server = ThreadingHTTPServer(("", urlsplit(here).port or 80), receiver.Receiver)
        serving = Thread(target=server.serve_forever)
        serving.start()
        print(f"receiving at {here}; every signature is verified", flush=True)
        ended = [client.jobs.wait(job, timeout=60) for job in schedule(client, here)]
    good = sum(job.state is noonmark.State.SUCCEEDED for job in ended)
    print(f"the API says: {good} of {len(ended)} succeeded", flush=True)
    # So that `jobctl` beside this program is signed in, and what it sends here is signed with what we verify.
    configuration.store(configuration.Credentials(url=url, token=token))
    print("jobctl is signed in here", flush=True)
    serving.join()


if __name__ == "__main__":
    main(os.environ["NOONMARK_URL"], os.environ["NOONMARK_ADMIN_SECRET"], sys.argv[1])
