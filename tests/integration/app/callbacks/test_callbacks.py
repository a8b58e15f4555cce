"""What the code of an attempt tells over HTTP, and what its credential does not open."""

import re
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest

from app.callbacks.pace import BURST, Pace
from app.edge import Edge
from core import callbacks
from core.callbacks import Pass
from core.db import Database
from core.jobs import store as jobs
from core.jobs.model import Lease, Outcome
from core.sealing import Keyring
from tests.integration.app.conftest import SignIn, bearer, client
from tests.integration.app.policy import ATTEMPT, POLICY, PUBLIC, SIGNED
from tests.jobs import settlement
from tests.printing import claimed


@pytest.fixture
async def mine(edge: Edge, sign_in: SignIn) -> Any:
    async with client(edge) as opened:
        opened.headers.update(bearer(await sign_in("me@example.com")))
        yield opened


@pytest.fixture
async def lease(mine: httpx.AsyncClient, database: Database) -> Lease:
    """A job of mine that runs."""
    return await running(mine, database)


async def running(mine: httpx.AsyncClient, database: Database) -> Lease:
    made = await mine.post("/v1/jobs", json={"target": {"url": "https://example.com/"}})
    job = UUID(made.json()["id"])
    async with database.raw() as db:
        queue = await db.fetchval("SELECT queue_id FROM jobs WHERE id = $1", job)
        return next(lease for lease in await claimed(db, queue) if lease.job_id == job)


def token(keyring: Keyring, lease: Lease, *, seconds: float = 60, **given: Any) -> str:
    of = Pass(job_id=lease.job_id, attempt=lease.attempt, lease_token=lease.lease_token)
    of = msgspec.structs.replace(of, **given)
    return callbacks.issue(keyring, of, expires_at=time.time() + seconds)


@pytest.fixture
def code(api: httpx.AsyncClient, keyring: Keyring, lease: Lease) -> Iterator[httpx.AsyncClient]:
    """The code of the attempt."""
    api.headers["Authorization"] = f"Bearer {token(keyring, lease)}"
    yield api
    del api.headers["Authorization"]


def place(lease: Lease) -> str:
    return f"/v1/jobs/{lease.job_id}/callback"


async def told(mine: httpx.AsyncClient, lease: Lease) -> list[tuple[str, Any]]:
    items = (await mine.get(f"/v1/jobs/{lease.job_id}/events")).json()["items"]
    return [(item["kind"], item["data"]) for item in items]


async def test_each_thing_that_is_told_joins_the_history(
    code: httpx.AsyncClient, mine: httpx.AsyncClient, lease: Lease
) -> None:
    """EVT-02."""
    everything = {
        "progress": {"done": 3, "total": 12, "message": "page 3"},
        "event": {"name": "uploaded", "data": {"bytes": [1, {"a": None}]}},
        "line": "a line",
        "note": "still here",
    }
    answer = await code.post(place(lease), json=everything)
    assert (answer.status_code, answer.json()) == (200, {"cancel_requested": False})
    await code.post(place(lease), json={"progress": {"done": 12}})
    assert await told(mine, lease) == [
        ("created", None),
        ("queued", None),
        ("started", None),
        ("progress", {"done": 3, "total": 12, "message": "page 3"}),
        ("custom", {"name": "uploaded", "data": {"bytes": [1, {"a": None}]}}),
        ("logged", {"line": "a line"}),
        ("checked_in", {"note": "still here"}),
        ("progress", {"done": 12}),
    ]


async def test_who_checks_in_hears_of_a_cancel_and_leaves_no_trace(
    code: httpx.AsyncClient, mine: httpx.AsyncClient, lease: Lease
) -> None:
    assert (await code.post(place(lease), json={})).json() == {"cancel_requested": False}
    before = await told(mine, lease)
    await mine.post(f"/v1/jobs/{lease.job_id}/cancel")
    assert (await code.post(place(lease), json={})).json() == {"cancel_requested": True}
    assert await told(mine, lease) == [*before, ("cancelling", None)]


@pytest.mark.promise(5)
async def test_after_the_end_of_the_attempt_nothing_is_kept(
    code: httpx.AsyncClient, mine: httpx.AsyncClient, database: Database, lease: Lease
) -> None:
    async with database.raw() as db:
        await jobs.settle(db, [settlement(lease, Outcome.FAILED, retry_seconds=0.0)])
    before = await told(mine, lease)
    answer = await code.post(place(lease), json={"note": "late"})
    assert (answer.status_code, answer.json()["code"]) == (409, "attempt_over")
    assert await told(mine, lease) == before


async def test_another_attempt_of_the_same_job_is_not_spoken_for(
    api: httpx.AsyncClient, keyring: Keyring, lease: Lease
) -> None:
    for other in ({"attempt": 2}, {"lease_token": uuid4()}):
        headers = {"Authorization": f"Bearer {token(keyring, lease, **other)}"}
        answer = await api.post(place(lease), json={"note": "x"}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (409, "attempt_over")


async def test_another_job_is_as_unknown_as_one_that_never_was(
    code: httpx.AsyncClient, mine: httpx.AsyncClient, database: Database
) -> None:
    """Also a job of the same tenant."""
    other = await running(mine, database)
    before = await told(mine, other)
    for job in (other.job_id, uuid4()):
        answer = await code.post(f"/v1/jobs/{job}/callback", json={"note": "x"})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert await told(mine, other) == before


async def test_it_opens_no_other_operation(code: httpx.AsyncClient, lease: Lease) -> None:
    for operation, policy in POLICY.items():
        if policy.who in (PUBLIC, SIGNED, ATTEMPT):
            continue
        method, path = operation.split(" ")
        written = re.sub(r"\{[^}]*\}", str(lease.job_id), path)
        answer = await code.request(method, written, json=policy.body)
        assert (answer.status_code, answer.json()["code"]) in (
            (403, "insufficient_scope"),
            (401, "unauthenticated"),
        ), operation


async def test_no_other_credential_opens_it(mine: httpx.AsyncClient, lease: Lease) -> None:
    answer = await mine.post(place(lease), json={"note": "x"})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


async def test_it_ends_with_the_deadline(api: httpx.AsyncClient, keyring: Keyring, lease: Lease) -> None:
    headers = {"Authorization": f"Bearer {token(keyring, lease, seconds=-10)}"}
    assert (await api.post(place(lease), json={}, headers=headers)).status_code == 401


async def test_an_attempt_tells_no_more_than_is_kept_of_one(
    edge: Edge, code: httpx.AsyncClient, mine: httpx.AsyncClient, database: Database, lease: Lease
) -> None:
    async with database.raw() as db:
        await db.execute(
            "INSERT INTO events (job_id, id, tenant_id, kind, at, attempt) "
            "SELECT $1, mint(clock_timestamp(), 0), $2, 'progress', now(), 1 FROM generate_series(1, 999)",
            lease.job_id,
            lease.tenant_id,
        )
    both = {"note": "1000", "line": "1001"}
    answer = await code.post(place(lease), json=both)
    assert (answer.status_code, answer.json()["code"]) == (409, "history_full")
    assert (await code.post(place(lease), json={"note": "1000"})).status_code == 200
    assert (await code.post(place(lease), json={"note": "1001"})).status_code == 409
    assert (await code.post(place(lease), json={})).status_code == 200


async def test_who_tells_without_end_is_told_to_wait(code: httpx.AsyncClient, lease: Lease) -> None:
    for _ in range(3 * BURST):
        answer = await code.post(place(lease), json={})
        if answer.status_code != 200:
            break
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert int(answer.headers["retry-after"]) >= 1


async def test_what_is_too_large_is_refused(code: httpx.AsyncClient, lease: Lease) -> None:
    answer = await code.post(place(lease), json={"event": {"name": "big", "data": {"x": "x" * 17_000}}})
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")


@pytest.mark.parametrize(
    "body", [{"progress": {"done": -1}}, {"state": "succeeded"}, {"note": "\0"}, {"event": {"name": ""}}, []]
)
async def test_what_does_not_fit_is_refused(code: httpx.AsyncClient, lease: Lease, body: Any) -> None:
    assert (await code.post(place(lease), json=body)).status_code == 422


def test_attempts_do_not_take_from_one_another() -> None:
    now = [100.0]
    pace = Pace(lambda: now[0])
    loud, quiet = uuid4(), uuid4()
    waits = [pace.wait(loud) for _ in range(BURST + 2)]
    assert [wait > 0 for wait in waits] == [False] * BURST + [True, True]
    assert pace.wait(quiet) == 0
    now[0] += waits[-1] + 0.001
    assert pace.wait(loud) == 0
