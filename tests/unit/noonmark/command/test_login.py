"""Signing in and out: by a pasted link, by the outbox of development, by a token one has."""

import json

import httpx
import pytest
import respx

from noonmark.command import configuration
from noonmark.command.configuration import Credentials
from tests.unit.noonmark.answers import ID, NOON, OTHER, URL, page, problem
from tests.unit.noonmark.command.conftest import Jobctl

LINK = f"{URL}/sign-in#token=one-time"
ME = {"user": {"id": ID, "email": "me@example.com"}, "tenant": {"id": OTHER, "name": "mine"}, "scopes": []}
FRESH = {"id": OTHER, "name": "jobctl", "created_at": NOON, "token": "nm_fresh"}


@pytest.fixture
def ready(server: respx.MockRouter) -> respx.MockRouter:
    """A server where somebody can sign in."""
    server.post("/v1/auth/magic-link").respond(202, json={"status": "sent"})
    server.post("/v1/auth/verify").respond(json={"access_token": "short", "refresh_token": "r"})
    server.post("/v1/tokens").respond(201, json=FRESH)
    server.post("/v1/auth/logout").respond(204)
    server.get("/v1/me").respond(json=ME)
    return server


def test_a_pasted_link_becomes_a_token_in_the_file(anybody: Jobctl, ready: respx.MockRouter) -> None:
    result = anybody("login", URL, typed=f"me@example.com\n{LINK}\n")
    assert result.exit_code == 0, result.output
    assert configuration.stored() == Credentials(url=URL, token="nm_fresh", token_id=OTHER)
    asked = {call.request.url.path: call.request for call in ready.calls}
    assert json.loads(asked["/v1/auth/magic-link"].content) == {"email": "me@example.com"}
    assert json.loads(asked["/v1/auth/verify"].content) == {"token": "one-time"}
    assert asked["/v1/tokens"].headers["authorization"] == "Bearer short"
    assert "Signed in at http://noonmark.test as me@example.com" in result.stderr


def test_the_session_of_the_link_is_ended(anybody: Jobctl, ready: respx.MockRouter) -> None:
    anybody("login", URL, "--email", "me@example.com", typed=f"{LINK}\n")
    left = ready.post("/v1/auth/logout").calls
    assert left.last.request.headers["authorization"] == "Bearer short"


def test_the_token_alone_may_be_pasted(anybody: Jobctl, ready: respx.MockRouter) -> None:
    anybody("login", URL, "--email", "me@example.com", typed="one-time\n")
    assert json.loads(ready.post("/v1/auth/verify").calls.last.request.content) == {"token": "one-time"}


def test_in_development_the_new_link_of_the_outbox_is_followed(
    anybody: Jobctl, ready: respx.MockRouter
) -> None:
    old = {"link": f"{URL}/sign-in#token=spent", "created_at": NOON}
    new = {"link": LINK, "created_at": NOON}
    outboxes = [page(old), page(old), page(new, old)]
    ready.get("/dev/outbox").mock(side_effect=[httpx.Response(200, json=one) for one in outboxes])
    result = anybody("login", URL, "--email", "me@example.com", "--dev")
    assert result.exit_code == 0, result.output
    assert json.loads(ready.post("/v1/auth/verify").calls.last.request.content) == {"token": "one-time"}


def test_a_link_that_never_comes_is_said(anybody: Jobctl, ready: respx.MockRouter) -> None:
    ready.get("/dev/outbox").respond(json=page())
    result = anybody("login", URL, "--email", "me@example.com", "--dev")
    assert result.exit_code == 1
    assert "No new link is in the outbox" in result.stderr


def test_a_token_one_has_is_checked_and_kept(anybody: Jobctl, ready: respx.MockRouter) -> None:
    ready.get("/v1/me").respond(json=ME | {"user": None})
    result = anybody("login", URL, "--token", "nm_mine")
    assert result.exit_code == 0
    assert configuration.stored() == Credentials(url=URL, token="nm_mine")
    assert "as mine" in result.stderr


def test_a_token_that_is_refused_is_not_kept(anybody: Jobctl, server: respx.MockRouter) -> None:
    server.get("/v1/me").mock(return_value=problem(401, "unauthenticated"))
    assert anybody("login", URL, "--token", "nm_wrong").exit_code == 4
    assert configuration.stored() is None


def test_the_environment_does_not_stand_in_the_way_of_signing_in(
    jobctl: Jobctl, ready: respx.MockRouter
) -> None:
    jobctl("login", URL, "--email", "me@example.com", typed=f"{LINK}\n")
    kept = configuration.stored()
    assert kept is not None
    assert kept.token == "nm_fresh"


def test_what_comes_before_the_file_is_said(jobctl: Jobctl, ready: respx.MockRouter) -> None:
    result = jobctl("login", URL, "--email", "me@example.com", typed=f"{LINK}\n")
    assert "NOONMARK_TOKEN is set and comes before that: unset it." in result.stderr
    assert "NOONMARK_URL" not in result.stderr


def test_an_address_that_is_none_is_refused_before_anything_is_asked(anybody: Jobctl) -> None:
    result = anybody("login", "nonsense", typed="me@example.com\n")
    assert result.exit_code == 2
    assert "begins with http" in result.stderr
    assert "E-mail" not in result.output


def test_signing_out_revokes_the_token_that_login_made(anybody: Jobctl, server: respx.MockRouter) -> None:
    configuration.store(Credentials(url=URL, token="nm_fresh", token_id=OTHER))
    revoked = server.delete(f"/v1/tokens/{OTHER}").respond(204)
    assert anybody("logout").exit_code == 0
    assert revoked.calls.last.request.headers["authorization"] == "Bearer nm_fresh"
    assert configuration.stored() is None


def test_signing_out_forgets_even_when_nobody_answers(anybody: Jobctl, server: respx.MockRouter) -> None:
    configuration.store(Credentials(url=URL, token="nm_fresh", token_id=OTHER))
    server.delete(f"/v1/tokens/{OTHER}").mock(side_effect=httpx.UnsupportedProtocol("down"))
    assert "may still be valid" in anybody("logout").stderr
    assert configuration.stored() is None


def test_a_token_one_brought_is_not_revoked(anybody: Jobctl, server: respx.MockRouter) -> None:
    configuration.store(Credentials(url=URL, token="nm_mine"))
    assert "stays valid" in anybody("logout").stderr
    assert not server.calls


def test_nobody_can_sign_out_twice(anybody: Jobctl) -> None:
    assert "Nobody is signed in" in anybody("logout").stderr
