"""Dead letters, signing secrets, and who is asking."""

import json
from datetime import timedelta
from uuid import UUID

import httpx
import pytest
import respx

import noonmark
from tests.unit.noonmark.answers import ID, NOON, OTHER, job, letter, page, problem
from tests.unit.noonmark.conftest import Driven


async def test_dead_letters_are_listed_page_after_page(client: Driven, server: respx.MockRouter) -> None:
    server.get("/v1/dlq", params={"cursor": "c1"}).respond(json=page(letter(id=OTHER)))
    server.get("/v1/dlq").respond(json=page(letter(), after="c1"))
    found = await client.do("dead_letters.list")
    assert [str(one.id) for one in found] == [ID, OTHER]


async def test_a_dead_letter_says_what_ended_it(client: Driven, server: respx.MockRouter) -> None:
    server.get(f"/v1/dlq/{ID}").respond(json=letter())
    assert (await client.do("dead_letters.get", ID)).last_error.code == "http_status"


async def test_a_dead_letter_is_replayed(client: Driven, server: respx.MockRouter) -> None:
    route = server.post(f"/v1/dlq/{ID}/replay").respond(201, json=job(id=OTHER, replay_of=ID))
    assert (await client.do("dead_letters.replay", ID, delay=3)).replay_of == UUID(ID)
    assert json.loads(route.calls.last.request.content) == {"delay_seconds": 3}


async def test_a_dead_letter_is_replayed_only_once(client: Driven, server: respx.MockRouter) -> None:
    server.post(f"/v1/dlq/{ID}/replay").mock(return_value=problem(409, "already_replayed"))
    with pytest.raises(noonmark.Conflict):
        await client.do("dead_letters.replay", ID)


async def test_dead_letters_are_listed_by_filter(client: Driven, server: respx.MockRouter) -> None:
    route = server.get("/v1/dlq").respond(json=page())
    await client.do("dead_letters.list", queue="mail", labels={"a": "b"})
    assert route.calls.last.request.url.params.multi_items() == [("queue", "mail"), ("label", "a=b")]


async def test_signing_secrets_do_not_show_in_a_repr(client: Driven, server: respx.MockRouter) -> None:
    secret = {"id": ID, "secret": "whsec_c2VjcmV0", "created_at": NOON, "expires_at": None}
    server.get("/v1/signing-secrets").respond(json=page(secret))
    [found] = await client.do("signing_secrets.list")
    assert found.secret == "whsec_c2VjcmV0"
    assert "c2VjcmV0" not in repr(found)


async def test_rotating_gives_all_that_sign(client: Driven, server: respx.MockRouter) -> None:
    secrets = [{"id": each, "secret": "whsec_eA==", "created_at": NOON} for each in (OTHER, ID)]
    route = server.post("/v1/signing-secrets/rotate").respond(201, json=page(*secrets))
    newest, _ = await client.do("signing_secrets.rotate", overlap=timedelta(hours=2))
    assert json.loads(route.calls.last.request.content) == {"overlap_seconds": 7200}
    assert newest.id == UUID(OTHER)


async def test_a_token_says_whose_it_is(client: Driven, server: respx.MockRouter) -> None:
    who = {"user": {"id": ID, "email": "me@example.com"}, "tenant": {"id": OTHER, "name": "mine"}}
    server.get("/v1/me").respond(json=who)
    assert (await client.do("me")).user.email == "me@example.com"


TOKEN = {
    "id": ID,
    "name": "ci",
    "prefix": "nm_4fQ0aZ9x",
    "scopes": ["jobs:read", "jobs:write"],
    "created_at": NOON,
    "last_used_at": None,
    "expires_at": None,
}


async def test_a_token_is_created_and_does_not_show_in_a_repr(
    client: Driven, server: respx.MockRouter
) -> None:
    route = server.post("/v1/tokens").respond(201, json=TOKEN | {"token": "nm_4fQ0aZ9x_secret"})
    made = await client.do("tokens.create", "ci")
    assert json.loads(route.calls.last.request.content) == {
        "name": "ci",
        "scopes": ["jobs:read", "jobs:write"],
        "expires_at": None,
    }
    assert made.token == "nm_4fQ0aZ9x_secret"
    assert "secret" not in repr(made)


async def test_a_token_is_created_once_even_if_its_answer_is_lost(
    client: Driven, server: respx.MockRouter
) -> None:
    route = server.post("/v1/tokens").mock(side_effect=httpx.ReadTimeout("lost"))
    with pytest.raises(noonmark.ConnectionFailed):
        await client.do("tokens.create", "ci")
    assert route.call_count == 1


async def test_tokens_are_listed(client: Driven, server: respx.MockRouter) -> None:
    server.get("/v1/tokens").respond(json=page(TOKEN))
    [found] = await client.do("tokens.list")
    assert (found.name, found.scopes) == ("ci", ("jobs:read", "jobs:write"))


async def test_a_token_is_revoked(client: Driven, server: respx.MockRouter) -> None:
    route = server.delete(f"/v1/tokens/{ID}").respond(204)
    assert await client.do("tokens.revoke", ID) is None
    assert route.called


async def test_a_token_that_is_not_there_cannot_be_revoked(client: Driven, server: respx.MockRouter) -> None:
    server.delete(f"/v1/tokens/{ID}").mock(return_value=problem(404, "not_found"))
    with pytest.raises(noonmark.NotFound):
        await client.do("tokens.revoke", ID)


async def test_a_revocation_whose_answer_was_lost_is_still_one(
    client: Driven, server: respx.MockRouter
) -> None:
    gone: list[httpx.Response | Exception] = [httpx.ReadTimeout("lost"), problem(404, "not_found")]
    server.delete(f"/v1/tokens/{ID}").mock(side_effect=gone)
    assert await client.do("tokens.revoke", ID) is None
