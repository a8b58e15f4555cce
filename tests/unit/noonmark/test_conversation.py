"""Tries, waits and errors, the same for every method and for both clients."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
import respx

import noonmark
from noonmark import Retrying, jobs
from noonmark.calls import Pause, post
from noonmark.conversation import Conversation
from noonmark.retrying import retry_after
from tests.unit.noonmark.answers import ID, URL, job, problem
from tests.unit.noonmark.conftest import Blocking, Driven

LOST = httpx.ReadTimeout("nothing came")
OK = httpx.Response(200, json=job())
PATH = f"/v1/jobs/{ID}"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, noonmark.BadRequest),
        (401, noonmark.Unauthenticated),
        (403, noonmark.Forbidden),
        (404, noonmark.NotFound),
        (409, noonmark.Conflict),
        (422, noonmark.ValidationFailed),
        (413, noonmark.Problem),
        (500, noonmark.Problem),
    ],
)
async def test_a_refusal_is_an_exception_of_its_kind(
    client: Driven, server: respx.MockRouter, status: int, kind: type[noonmark.Problem]
) -> None:
    server.get(PATH).mock(return_value=problem(status, "some_code"))
    with pytest.raises(noonmark.Problem) as refused:
        await client.do("jobs.get", ID)
    assert type(refused.value) is kind
    assert (refused.value.status, refused.value.code, refused.value.request_id) == (
        status,
        "some_code",
        "req-1",
    )
    assert str(refused.value) == f"{status} some_code: It is some_code. (request req-1)"
    assert client.slept == []


async def test_every_fault_of_a_request_is_listed(client: Driven, server: respx.MockRouter) -> None:
    faults = [{"code": "wrong_length", "message": "is too short", "pointer": "/target/url", "new": 1}]
    server.post("/v1/jobs").mock(return_value=problem(422, "validation_failed", errors=faults))
    with pytest.raises(noonmark.ValidationFailed) as refused:
        await client.do("jobs.create", "")
    assert [str(fault) for fault in refused.value.errors] == ["/target/url: is too short"]


@pytest.mark.parametrize(
    "failure",
    [
        LOST,
        httpx.ConnectError("refused"),
        httpx.RemoteProtocolError("closed"),
        *map(httpx.Response, (502, 504)),
    ],
    ids=repr,
)
async def test_reading_survives_a_broken_connection(
    client: Driven, server: respx.MockRouter, failure: Any
) -> None:
    server.get(PATH).mock(side_effect=[failure, OK])
    assert (await client.do("jobs.get", ID)).attempts_left == 4
    assert len(client.slept) == 1


async def test_a_creation_is_repeated_under_the_same_key_and_request_id(
    client: Driven, server: respx.MockRouter
) -> None:
    route = server.post("/v1/jobs").mock(side_effect=[LOST, problem(503, "unavailable"), OK])
    await client.do("jobs.create", "https://example.com/hook")
    requests = [call.request for call in route.calls]
    assert len(requests) == 3
    assert len({request.headers["idempotency-key"] for request in requests}) == 1
    assert len({request.headers["x-request-id"] for request in requests}) == 1
    assert len({request.content for request in requests}) == 1


async def test_what_names_a_wait_is_waited_for(client: Driven, server: respx.MockRouter) -> None:
    limited = problem(429, "rate_limited", headers={"Retry-After": "7"})
    server.get(PATH).mock(side_effect=[limited, OK])
    await client.do("jobs.get", ID)
    assert 7 <= client.slept[0] < 8


async def test_a_wait_beyond_the_budget_is_not_begun(client: Driven, server: respx.MockRouter) -> None:
    limited = problem(429, "rate_limited", headers={"Retry-After": "3600"})
    server.get(PATH).mock(return_value=limited)
    with pytest.raises(noonmark.RateLimited) as refused:
        await client.do("jobs.get", ID)
    assert refused.value.retry_after == 3600
    assert client.slept == []


async def test_no_connection_is_an_error_that_names_the_address(server: respx.MockRouter) -> None:
    client = Blocking(retrying=Retrying(budget_seconds=0))
    server.get(PATH).mock(side_effect=httpx.ConnectError("refused"))
    with pytest.raises(noonmark.ConnectionFailed, match=r"http://noonmark\.test: refused") as failed:
        await client.do("jobs.get", ID)
    assert failed.value.request_id
    assert client.slept == []


async def test_another_programs_answer_is_not_taken_for_ours(
    client: Driven, server: respx.MockRouter
) -> None:
    server.get(PATH).respond(404, html="<h1>nginx</h1>")
    with pytest.raises(noonmark.UnexpectedAnswer, match="answer 404"):
        await client.do("jobs.get", ID)


async def test_a_page_that_says_ok_is_not_taken_for_a_job(client: Driven, server: respx.MockRouter) -> None:
    server.get(PATH).respond(200, html="<h1>Please log in</h1>")
    with pytest.raises(noonmark.UnexpectedAnswer, match="cannot be read"):
        await client.do("jobs.get", ID)


async def test_redirects_are_not_followed_and_the_token_stays_here(
    client: Driven, server: respx.MockRouter
) -> None:
    server.get(PATH).respond(302, headers={"Location": "http://elsewhere.test/"})
    with pytest.raises(noonmark.UnexpectedAnswer, match="answer 302"):
        await client.do("jobs.get", ID)
    assert len(server.calls) == 1


async def test_without_a_token_nothing_is_sent(
    server: respx.MockRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOONMARK_TOKEN", raising=False)
    with pytest.raises(noonmark.NotSignedIn, match="NOONMARK_TOKEN"):
        await Blocking(token=None).do("me")
    assert not server.calls


async def test_address_and_token_come_from_the_environment(
    server: respx.MockRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOONMARK_URL", f"{URL}/")
    monkeypatch.setenv("NOONMARK_TOKEN", "nm_environment")
    route = server.get(PATH).respond(json=job())
    await Blocking(url=None, token=None).do("jobs.get", ID)
    assert route.calls.last.request.headers["authorization"] == "Bearer nm_environment"


def test_an_address_must_be_one() -> None:
    with pytest.raises(ValueError, match="http://"):
        noonmark.Client("localhost:8080")


def test_a_token_does_not_show_in_a_repr() -> None:
    conversation = Conversation(URL, "nm_secret", httpx.Timeout(1), Retrying())
    assert "nm_secret" not in repr(conversation)


class Clock:
    """Moves only when it is told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def waits(*replies: Any, clock: Clock, **policy: Any) -> list[float]:
    """The pauses of a read that is answered like this, a second each."""
    conversation = Conversation(URL, "t", httpx.Timeout(1), Retrying(**policy), clock=clock, roll=lambda: 0.0)
    steps = conversation.steps(jobs.get(ID))
    steps.send(None)
    pauses = []
    for reply in replies:
        clock.now += 1
        pause = steps.send(reply)
        assert isinstance(pause, Pause)
        clock.now += pause.seconds
        pauses.append(pause.seconds)
        steps.send(None)
    return pauses


def test_waits_grow_and_are_capped() -> None:
    grown = waits(*[LOST] * 5, clock=Clock(), base_seconds=1, max_seconds=4, budget_seconds=1000)
    assert grown == [0.5, 1, 2, 2, 2]


def test_tries_and_waits_share_one_budget() -> None:
    with pytest.raises(noonmark.ConnectionFailed):
        waits(*[LOST] * 50, clock=Clock(), budget_seconds=20)


def test_who_waits_may_be_told_why() -> None:
    told: list[str] = []
    policy = Retrying(told=lambda error, seconds: told.append(f"{error}, {seconds:g}"))
    talking = Conversation(URL, "t", httpx.Timeout(1), policy, roll=lambda: 0.0).steps(jobs.get(ID))
    talking.send(None)
    talking.send(LOST)
    assert told == [f"{URL}: nothing came, 0.125"]


def test_what_may_not_be_repeated_is_tried_once() -> None:
    conversation = Conversation(URL, "t", httpx.Timeout(1), Retrying())
    talking = conversation.steps(post("/x", bytes.decode, {}))
    talking.send(None)
    with pytest.raises(noonmark.ConnectionFailed):
        talking.send(LOST)


def test_retry_after_may_be_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    seconds = retry_after(httpx.Headers({"Retry-After": later}))
    assert seconds is not None
    assert 25 < seconds <= 30


@pytest.mark.parametrize("value", ["", "soon", "-1", "٣"])
def test_a_retry_after_that_says_nothing_is_none(value: str) -> None:
    assert retry_after(httpx.Headers([(b"Retry-After", value.encode())])) is None


def test_an_own_http_client_is_left_open() -> None:
    with httpx.Client() as http:
        noonmark.Client(URL, "t", http=http).close()
        assert not http.is_closed
