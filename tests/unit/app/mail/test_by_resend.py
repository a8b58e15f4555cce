"""What Resend is sent, what is tried again, and what is not."""

from uuid import UUID

import httpx
import msgspec
import pytest
import respx
from tenacity import wait_none

from app.mail import letters
from app.mail.by_resend import ByResend
from app.mail.carrier import Undelivered

MAIL_ID = UUID(int=7)
LETTER = letters.sign_in(to="a@x.io", link="https://noonmark.test/sign-in#token=abc")
ADDRESS = "https://api.resend.com/emails"
TAKEN = httpx.Response(200, json={"id": "re_1"})


def carrier() -> ByResend:
    return ByResend("re_key", sender="Noonmark <n@noonmark.test>", pause=wait_none())


def failure(status: int, name: str) -> httpx.Response:
    return httpx.Response(status, json={"statusCode": status, "name": name, "message": "a@x.io no"})


@respx.mock
async def test_the_letter_is_sent_whole_with_its_idempotency_key() -> None:
    route = respx.post(ADDRESS).mock(return_value=TAKEN)
    assert await carrier().carry(LETTER, MAIL_ID) is None
    request = route.calls.last.request
    assert msgspec.json.decode(request.content) == {
        "from": "Noonmark <n@noonmark.test>",
        "to": ["a@x.io"],
        "subject": "Sign in to Noonmark",
        "text": LETTER.text,
        "html": LETTER.html,
    }
    assert request.headers["Idempotency-Key"] == str(MAIL_ID)
    assert request.headers["Authorization"] == "Bearer re_key"


@respx.mock
@pytest.mark.parametrize(
    "first",
    [
        failure(429, "rate_limit_exceeded"),
        failure(500, "application_error"),
        httpx.Response(502, text="bad gateway"),
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
    ],
)
async def test_what_may_pass_is_tried_again_under_the_same_key(first: httpx.Response | Exception) -> None:
    route = respx.post(ADDRESS).mock(side_effect=[first, TAKEN])
    assert await carrier().carry(LETTER, MAIL_ID) is None
    assert [call.request.headers["Idempotency-Key"] for call in route.calls] == [str(MAIL_ID)] * 2


@respx.mock
@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "validation_error"),
        (401, "missing_api_key"),
        (403, "invalid_api_key"),
        (422, "validation_error"),
        (409, "invalid_idempotent_request"),
    ],
)
async def test_what_will_not_pass_is_told_at_once(status: int, name: str) -> None:
    route = respx.post(ADDRESS).mock(return_value=failure(status, name))
    found = await carrier().carry(LETTER, MAIL_ID)
    assert found == Undelivered(reason=f"resend {status}", permanent=True)
    assert route.call_count == 1


@respx.mock
async def test_an_outage_is_no_reason_to_give_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.mail.by_resend._SECONDS", 10.0)
    respx.post(ADDRESS).mock(side_effect=httpx.ConnectError("refused"))
    found = await carrier().carry(LETTER, MAIL_ID)
    assert found == Undelivered(reason="resend 500", permanent=False)


@respx.mock
async def test_the_reason_holds_nothing_of_the_letter() -> None:
    respx.post(ADDRESS).mock(return_value=failure(422, "validation_error"))
    found = await carrier().carry(LETTER, MAIL_ID)
    assert found is not None
    assert "a@x.io" not in found.reason
