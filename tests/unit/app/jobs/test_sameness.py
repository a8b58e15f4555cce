"""What makes two jobs the same."""

from typing import Any, cast
from uuid import UUID

import pytest

from app.jobs import composing, sameness
from app.jobs.content import Content
from app.jobs.schemas import CreateTarget, Method
from app.jobs.uniqueness import OnConflict, Unique
from core.jobs.model import BodyKind, HttpTarget
from core.sealing import Keyring

TENANT = UUID(int=1)
RING = Keyring({"a": b"a" * 32})
TARGET = HttpTarget(url="https://example.com/hook", headers={"X-Team": "billing"})
BODY = Content(BodyKind.JSON, b'{"a":1}')


def digest(
    asked: Unique | None = None,
    target: HttpTarget = TARGET,
    body: Content = BODY,
    secret: dict[str, str] | None = None,
    ring: Keyring = RING,
    tenant: UUID = TENANT,
) -> bytes:
    headers = target.headers | (secret or {})
    given = CreateTarget(
        url=target.url,
        method=cast(Method, target.method),
        headers=headers,
        secret_headers=tuple(secret or ()),
    )
    return sameness.rule(asked or Unique(), composing.aim(given, body), body, ring, tenant).hash


def target(**given: Any) -> HttpTarget:
    return HttpTarget(**({"url": TARGET.url, "headers": TARGET.headers} | given))


def test_a_key_counts_alone() -> None:
    keyed = Unique(key="k", window_seconds=5, on_conflict=OnConflict.RETURN)
    assert digest(keyed) == digest(Unique(key="k"), target=target(method="PUT"), secret={"Cookie": "c"})
    assert digest(keyed) != digest(Unique(key="K"))


def test_names_of_headers_are_compared_without_case() -> None:
    assert digest() == digest(target=target(headers={"x-team": "billing"}))


@pytest.mark.parametrize(
    "other",
    [
        {"url": "https://example.com/hook?"},
        {"method": "PUT"},
        {"headers": {"X-Team": "Billing"}},
        {"headers": {}},
    ],
)
def test_what_is_asked_of_the_target_counts(other: dict[str, Any]) -> None:
    assert digest() != digest(target=target(**other))


def test_the_form_of_a_body_counts() -> None:
    bodies = [Content(kind, b'{"a":1}') for kind in (BodyKind.JSON, BodyKind.TEXT, BodyKind.BASE64)]
    assert len({digest(body=body) for body in [*bodies, Content(BodyKind.NONE, b"")]}) == 4


def test_a_secret_counts_by_a_keyed_hash() -> None:
    secret = {"Authorization": "hush"}
    assert digest(secret=secret) == digest(secret={"authorization": "hush"})
    others = [
        digest(),
        digest(secret={"Authorization": "else"}),
        digest(secret=secret, ring=Keyring({"a": b"b" * 32})),
        digest(secret=secret, tenant=UUID(int=2)),
    ]
    assert digest(secret=secret) not in others


def test_without_a_secret_master_keys_do_not_count() -> None:
    assert digest() == digest(ring=Keyring({"a": b"b" * 32}))


def test_a_rule_is_read_as_it_was_written() -> None:
    aim = composing.aim(CreateTarget(url=TARGET.url), BODY)
    rule = sameness.rule(Unique(key="k", window_seconds=5), aim, BODY, RING, TENANT)
    assert sameness.read(sameness.written(rule)) == rule


@pytest.mark.parametrize("number", ["1e999999999999999999999", "0e-99999999999999999999", "1e-400"])
def test_numbers_beyond_all_bounds_have_a_form(number: str) -> None:
    assert sameness.canonical(Content(BodyKind.JSON, number.encode()))
