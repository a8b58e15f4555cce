"""Every method about jobs: what is sent, and what comes of the answer."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import respx

import noonmark
from noonmark import State
from tests.unit.noonmark.answers import ID, NOON, OTHER, attempt, event, job, page, problem
from tests.unit.noonmark.conftest import Driven


def sent(route: respx.Route) -> Any:
    """The body of the last request."""
    return json.loads(route.calls.last.request.content)


def key(route: respx.Route, number: int = -1) -> str:
    return str(route.calls[number].request.headers["idempotency-key"])


async def test_a_url_is_all_a_job_needs(client: Driven, server: respx.MockRouter) -> None:
    route = server.post("/v1/jobs").respond(201, json=job())
    created = await client.do("jobs.create", "https://example.com/hook")
    assert sent(route) == {"target": {"url": "https://example.com/hook"}}
    assert (created.id, created.state) == (UUID(ID), State.SCHEDULED)
    assert created.fire_at == datetime(2027, 1, 1, 12, tzinfo=UTC)
    assert route.calls.last.request.headers["authorization"] == "Bearer nm_t"


async def test_every_option_has_its_place_in_the_body(client: Driven, server: respx.MockRouter) -> None:
    route = server.post("/v1/jobs").respond(201, json=job())
    await client.do(
        "jobs.create",
        "https://example.com/hook",
        method="PUT",
        headers={"X-Team": "billing"},
        secret_headers=["X-Team"],
        body_bytes=b"\x00\x01",
        fire_at=datetime(2027, 1, 1, 12, tzinfo=UTC),
        queue="mail",
        priority="high",
        timeout_seconds=60,
        expires_at=datetime(2027, 1, 2, 12, tzinfo=UTC),
        success=["2xx", "404"],
        retry=noonmark.Retry(max_attempts=1),
        labels={"team": "billing"},
        unique=noonmark.Unique(key="invoice-42", on_conflict="return"),
    )
    assert sent(route) == {
        "target": {
            "url": "https://example.com/hook",
            "method": "PUT",
            "headers": {"X-Team": "billing"},
            "secret_headers": ["X-Team"],
            "body_base64": "AAE=",
        },
        "fire_at": NOON,
        "queue": "mail",
        "priority": "high",
        "timeout_seconds": 60,
        "expires_at": "2027-01-02T12:00:00+00:00",
        "success": {"status": ["2xx", "404"]},
        "retry": {
            "max_attempts": 1,
            "backoff": "exponential",
            "base_seconds": 30.0,
            "max_seconds": 3600.0,
            "jitter": 0.25,
        },
        "labels": {"team": "billing"},
        "unique": {"key": "invoice-42", "window_seconds": None, "on_conflict": "return"},
    }


@pytest.mark.parametrize(("delay", "seconds"), [(90, 90), (1.5, 1.5), (timedelta(minutes=2), 120.0)])
async def test_a_delay_is_seconds_or_a_timedelta(
    client: Driven, server: respx.MockRouter, delay: Any, seconds: float
) -> None:
    route = server.post("/v1/jobs").respond(201, json=job())
    await client.do("jobs.create", "https://example.com/hook", delay=delay)
    assert sent(route)["delay_seconds"] == seconds


async def test_null_is_a_body_and_none_is_another(client: Driven, server: respx.MockRouter) -> None:
    route = server.post("/v1/jobs").respond(201, json=job())
    await client.do("jobs.create", "https://example.com/hook", body=None)
    assert sent(route)["target"] == {"url": "https://example.com/hook", "body": None}


async def test_a_time_without_a_zone_is_refused_before_anything_is_sent(
    client: Driven, server: respx.MockRouter
) -> None:
    with pytest.raises(ValueError, match="fire_at needs a time zone"):
        await client.do("jobs.create", "https://example.com/hook", fire_at=datetime(2027, 1, 1))  # noqa: DTZ001
    assert not server.calls


async def test_a_misspelled_option_is_refused_and_the_right_ones_are_named(client: Driven) -> None:
    with pytest.raises(TypeError, match=r"no option dealy; there are .*delay"):
        await client.do("jobs.create", "https://example.com/hook", dealy=5)


async def test_each_creation_has_a_key_of_its_own(client: Driven, server: respx.MockRouter) -> None:
    route = server.post("/v1/jobs").respond(201, json=job())
    await client.do("jobs.create", "https://example.com/hook")
    await client.do("jobs.create", "https://example.com/hook")
    assert UUID(key(route, 0)) != UUID(key(route, 1))


async def test_a_key_that_is_given_is_sent(client: Driven, server: respx.MockRouter) -> None:
    route = server.post("/v1/jobs").respond(200, json=job())
    await client.do("jobs.create", "https://example.com/hook", idempotency_key="invoice-1042")
    assert key(route) == "invoice-1042"


async def test_many_jobs_are_created_under_one_key(client: Driven, server: respx.MockRouter) -> None:
    route = server.post("/v1/jobs:batch").respond(201, json={"items": [job(), job(id=OTHER)]})
    made = await client.do(
        "jobs.create_many", [{"url": "https://a.example", "delay": 5}, {"url": "https://b.example"}]
    )
    assert sent(route) == {
        "jobs": [
            {"target": {"url": "https://a.example"}, "delay_seconds": 5},
            {"target": {"url": "https://b.example"}},
        ]
    }
    assert UUID(key(route))
    assert [str(one.id) for one in made] == [ID, OTHER]


async def test_a_job_is_read(client: Driven, server: respx.MockRouter) -> None:
    result = {"status": 200, "headers": {}, "body": "ok", "truncated": False}
    server.get(f"/v1/jobs/{ID}").respond(json=job(state="succeeded", result=result))
    read = await client.do("jobs.get", ID)
    assert read.state.final
    assert read.answer.body == "ok"
    assert read.target.body == {"any": "json"}


async def test_what_a_newer_server_adds_is_ignored(client: Driven, server: respx.MockRouter) -> None:
    server.get(f"/v1/jobs/{ID}").respond(json=job(state="paused", mood="fine"))
    read = await client.do("jobs.get", UUID(ID))
    assert read.state is State.UNKNOWN
    assert not read.state.final


async def test_what_is_no_id_never_becomes_a_path(client: Driven, server: respx.MockRouter) -> None:
    with pytest.raises(ValueError):
        await client.do("jobs.get", "../me")
    assert not server.calls


async def test_a_waiting_job_is_cancelled(client: Driven, server: respx.MockRouter) -> None:
    server.post(f"/v1/jobs/{ID}/cancel").respond(200, json=job(state="cancelled"))
    assert (await client.do("jobs.cancel", ID)).state is State.CANCELLED


async def test_a_running_job_is_being_cancelled(client: Driven, server: respx.MockRouter) -> None:
    server.post(f"/v1/jobs/{ID}/cancel").respond(202, json=job(state="cancelling"))
    assert (await client.do("jobs.cancel", ID)).state is State.CANCELLING


async def test_a_job_that_is_over_cannot_be_cancelled(client: Driven, server: respx.MockRouter) -> None:
    server.post(f"/v1/jobs/{ID}/cancel").mock(return_value=problem(409, "job_finished"))
    with pytest.raises(noonmark.Conflict) as refused:
        await client.do("jobs.cancel", ID)
    assert refused.value.code == "job_finished"


async def test_a_cancel_whose_answer_was_lost_is_still_a_cancel(
    client: Driven, server: respx.MockRouter
) -> None:
    server.post(f"/v1/jobs/{ID}/cancel").mock(
        side_effect=[httpx.ReadTimeout("lost"), problem(409, "job_finished")]
    )
    server.get(f"/v1/jobs/{ID}").respond(json=job(state="cancelled"))
    assert (await client.do("jobs.cancel", ID)).state is State.CANCELLED


async def test_a_cancel_that_came_too_late_says_so_even_after_a_lost_answer(
    client: Driven, server: respx.MockRouter
) -> None:
    server.post(f"/v1/jobs/{ID}/cancel").mock(
        side_effect=[httpx.ReadTimeout("lost"), problem(409, "job_finished")]
    )
    server.get(f"/v1/jobs/{ID}").respond(json=job(state="succeeded"))
    with pytest.raises(noonmark.Conflict):
        await client.do("jobs.cancel", ID)


async def test_a_waiting_job_gets_another_time_and_priority(client: Driven, server: respx.MockRouter) -> None:
    route = server.patch(f"/v1/jobs/{ID}").respond(json=job(priority=75))
    assert (await client.do("jobs.edit", ID, priority="high", delay=5)).priority == 75
    assert sent(route) == {"priority": "high", "delay_seconds": 5}


async def test_an_edit_is_a_merge_patch(client: Driven, server: respx.MockRouter) -> None:
    route = server.patch(f"/v1/jobs/{ID}").respond(json=job())
    await client.do(
        "jobs.edit",
        ID,
        url="https://example.com/2",
        headers={"X-Team": "billing", "X-Old": None},
        body_bytes=b"\x00\xff",
        labels={"old": None},
        expires_at=None,
        success=None,
        retry={"max_attempts": 2},
    )
    assert sent(route) == {
        "target": {
            "url": "https://example.com/2",
            "headers": {"X-Team": "billing", "X-Old": None},
            "body_base64": "AP8=",
        },
        "labels": {"old": None},
        "expires_at": None,
        "success": None,
        "retry": {"max_attempts": 2},
    }


async def test_an_edit_takes_only_what_can_be_changed(client: Driven) -> None:
    with pytest.raises(TypeError, match="no option replay_of"):
        await client.do("jobs.edit", ID, replay_of=OTHER)


async def test_a_replay_is_another_job(client: Driven, server: respx.MockRouter) -> None:
    route = server.post(f"/v1/jobs/{ID}/replay").respond(201, json=job(id=OTHER, replay_of=ID))
    again = await client.do("jobs.replay", ID, retry={"max_attempts": 5}, queue="slow")
    assert sent(route) == {"retry": {"max_attempts": 5}, "queue": "slow"}
    assert UUID(key(route))
    assert (again.id, again.replay_of) == (UUID(OTHER), UUID(ID))


async def test_attempts_are_read_in_order(client: Driven, server: respx.MockRouter) -> None:
    under_way = attempt(2, outcome=None, finished_at=None, response=None, error=None)
    server.get(f"/v1/jobs/{ID}/attempts").respond(json=page(attempt(), under_way))
    first, second = await client.do("jobs.attempts", ID)
    assert first.outcome is noonmark.Outcome.FAILED
    assert first.response.status == 500
    assert second.outcome is None


async def test_history_is_fetched_page_after_page(client: Driven, server: respx.MockRouter) -> None:
    server.get(f"/v1/jobs/{ID}/events", params={"cursor": "c1"}).respond(json=page(event("succeeded")))
    server.get(f"/v1/jobs/{ID}/events").respond(json=page(event(), event("started"), after="c1"))
    told = await client.do("jobs.events", ID)
    assert [one.kind for one in told] == ["created", "started", "succeeded"]


async def test_a_list_goes_on_until_there_is_no_more(client: Driven, server: respx.MockRouter) -> None:
    last = server.get("/v1/jobs", params={"cursor": "c1"}).respond(json=page(job(id=OTHER)))
    server.get("/v1/jobs").respond(json=page(job(), after="c1"))
    found = await client.do("jobs.list", queue="mail", limit=1)
    assert [str(one.id) for one in found] == [ID, OTHER]
    assert last.calls.last.request.url.params.multi_items() == [
        ("queue", "mail"),
        ("limit", "1"),
        ("cursor", "c1"),
    ]


async def test_a_wait_ends_with_the_job(client: Driven, server: respx.MockRouter) -> None:
    states = ["scheduled", "running", "succeeded"]
    server.get(f"/v1/jobs/{ID}").mock(
        side_effect=[httpx.Response(200, json=job(state=state)) for state in states]
    )
    assert (await client.do("jobs.wait", ID)).state is State.SUCCEEDED
    assert client.slept == [0.5, 0.5]


async def test_a_wait_has_an_end_of_its_own(client: Driven, server: respx.MockRouter) -> None:
    server.get(f"/v1/jobs/{ID}").respond(json=job(state="running"))
    with pytest.raises(noonmark.TimedOut, match=r"is running after 1\.2 s"):
        await client.do("jobs.wait", ID, timeout=1.2)
    assert sum(client.slept) == pytest.approx(1.2)


async def test_code_is_asked_for_as_the_api_takes_it(client: Driven, server: respx.MockRouter) -> None:
    route = server.post("/v1/jobs").respond(201, json=job())
    await client.do("jobs.run", ["make", "nightly"], env={"A": "1"}, delay=5, labels={"team": "billing"})
    assert sent(route) == {
        "target": {
            "type": "container",
            "runtime": "process",
            "command": ["make", "nightly"],
            "env": {"A": "1"},
        },
        "delay_seconds": 5,
        "labels": {"team": "billing"},
    }
    await client.do("jobs.run", image="registry.example/tool:1", runtime="kubernetes", memory_mb=64)
    image = {"image": "registry.example/tool:1", "runtime": "kubernetes", "memory_mb": 64}
    assert sent(route) == {"target": {"type": "container", "command": [], **image}}
    await client.do("jobs.invoke", "echo@1", {"message": None}, priority="low")
    called = {"type": "function", "function": "echo@1", "params": {"message": None}}
    assert sent(route) == {"target": called, "priority": "low"}
    await client.do("jobs.submit", {"target": {"url": "https://example.com/"}}, idempotency_key="k")
    assert (sent(route), key(route)) == ({"target": {"url": "https://example.com/"}}, "k")


async def test_what_is_no_option_of_code_is_refused(client: Driven) -> None:
    with pytest.raises(TypeError, match="there is no option success"):
        await client.do("jobs.run", ["true"], success=["2xx"])
    with pytest.raises(TypeError, match="there is no option env"):
        await client.do("jobs.invoke", "echo@1", env={})
