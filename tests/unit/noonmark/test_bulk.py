"""What is done to many at once: which, how long, and how it is counted."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import respx

from noonmark import Cancelled, Purged, Replayed
from tests.unit.noonmark.answers import NOON
from tests.unit.noonmark.conftest import Driven

PATHS = {
    "jobs.cancel_all": "/v1/jobs:cancel",
    "dead_letters.replay_all": "/v1/dlq:replay",
    "dead_letters.purge": "/v1/dlq:purge",
}
AT = datetime(2027, 1, 1, 12, tzinfo=UTC)


def sent(route: respx.Route) -> Any:
    return json.loads(route.calls.last.request.content)


async def test_jobs_are_cancelled_by_a_filter(client: Driven, server: respx.MockRouter) -> None:
    answer = {"matched": 9, "cancelled": 7, "cancelling": 2, "more": False, "new": 1}
    route = server.post("/v1/jobs:cancel").respond(json=answer)
    done = await client.do("jobs.cancel_all", state="queued", labels={"a": "b"}, fire_after=AT)
    assert sent(route) == {"state": ["queued"], "labels": {"a": "b"}, "fire_after": NOON}
    assert done == Cancelled(matched=9, cancelled=7, cancelling=2)


async def test_dead_letters_are_replayed_at_a_pace(client: Driven, server: respx.MockRouter) -> None:
    route = server.post("/v1/dlq:replay").respond(json={"matched": 3, "replayed": 2, "more": False})
    done = await client.do("dead_letters.replay_all", error_code="timeout", per_second=5)
    assert sent(route) == {"error_code": "timeout", "per_second": 5}
    assert done == Replayed(matched=3, replayed=2)


async def test_old_dead_letters_are_purged(client: Driven, server: respx.MockRouter) -> None:
    route = server.post("/v1/dlq:purge").respond(json={"matched": 3, "purged": 3, "more": False})
    assert await client.do("dead_letters.purge", older_than=timedelta(days=1)) == Purged(matched=3, purged=3)
    assert sent(route) == {"older_than_seconds": 86400}


@pytest.mark.parametrize("method", PATHS)
async def test_all_are_meant_only_by_saying_so(client: Driven, server: respx.MockRouter, method: str) -> None:
    route = server.post(PATHS[method]).respond(json={"matched": 0, "more": False})
    with pytest.raises(ValueError, match="everything=True"):
        await client.do(method)
    with pytest.raises(ValueError, match="not both"):
        await client.do(method, everything=True, queue="mail")
    assert not route.called
    await client.do(method, everything=True)
    assert sent(route) == {"all": True}


async def test_the_server_is_asked_until_there_is_no_more(client: Driven, server: respx.MockRouter) -> None:
    parts = [{"matched": 5, "purged": 4, "more": True}, {"matched": 2, "purged": 2, "more": False}]
    route = server.post("/v1/dlq:purge").mock(side_effect=[httpx.Response(200, json=part) for part in parts])
    assert await client.do("dead_letters.purge", queue="mail") == Purged(matched=7, purged=6)
    assert route.call_count == 2


async def test_counting_is_asked_for_once_and_says_if_it_is_a_part(
    client: Driven, server: respx.MockRouter
) -> None:
    route = server.post("/v1/jobs:cancel").respond(json={"matched": 5, "more": True})
    done = await client.do("jobs.cancel_all", queue="mail", dry_run=True)
    assert done == Cancelled(matched=5, more=True)
    assert sent(route) == {"queue": "mail", "dry_run": True}
    assert route.call_count == 1


async def test_a_lost_answer_is_asked_for_again(client: Driven, server: respx.MockRouter) -> None:
    lost: list[httpx.Response | Exception] = [
        httpx.ReadTimeout("lost"),
        httpx.Response(200, json={"matched": 1, "replayed": 1, "more": False}),
    ]
    server.post("/v1/dlq:replay").mock(side_effect=lost)
    assert (await client.do("dead_letters.replay_all", everything=True)).replayed == 1
