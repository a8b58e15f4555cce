"""The guard: public addresses, and what the operator allowed on top."""

import pytest

from core.egress.guard import Egress, parse_egress
from core.egress.urls import Url, parse_url
from tests.unit.core.egress.test_addresses import NO_ADDRESS, NOT_PUBLIC, PUBLIC

CLOSED = Egress()


def url(text: str) -> Url:
    found = parse_url(text)
    assert isinstance(found, Url)
    return found


@pytest.mark.promise(10)
@pytest.mark.parametrize("address", NOT_PUBLIC + NO_ADDRESS)
def test_nothing_but_public_addresses_is_permitted(address: str) -> None:
    assert not CLOSED.permits(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_permitted(address: str) -> None:
    assert CLOSED.permits(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_an_allowed_range_is_permitted_in_every_spelling(address: str) -> None:
    assert parse_egress("127.0.0.0/8, ::1/128").permits(address)


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "169.254.169.254", "::2", "fe80::1", "::127.0.0.1", "64:ff9b::7f00:1"]
)
def test_an_allowed_range_allows_nothing_else(address: str) -> None:
    assert not parse_egress("127.0.0.0/8,::1/128").permits(address)


def test_an_allowed_range_leaves_public_addresses_permitted() -> None:
    assert parse_egress("10.0.0.0/8").permits("8.8.8.8")


def test_an_allowed_ipv6_range_wins_over_the_filter() -> None:
    assert parse_egress("fd12:3456::/32").permits("fd12:3456::7")


def test_one_bad_answer_spoils_a_name() -> None:
    assert CLOSED.permits_all(["8.8.8.8", "2606:4700::1"])
    assert not CLOSED.permits_all(["8.8.8.8", "2606:4700::1", "10.0.0.1"])


def test_a_literal_that_is_not_permitted_is_refused_at_creation() -> None:
    refusal = CLOSED.refuse_literal(url("http://169.254.169.254/latest/meta-data"))
    assert refusal is not None and refusal.code == "destination_refused"


def test_the_refusal_reads_the_same_for_every_address() -> None:
    targets = [
        "http://10.0.0.1/",
        "http://127.0.0.1:5432/",
        "http://[::1]/",
        "http://[fe80::1]:9/",
        "http://0.0.0.0/",
    ]
    assert len({CLOSED.refuse_literal(url(target)) for target in targets}) == 1


@pytest.mark.parametrize(
    "target", ["http://localhost/", "http://db.internal/", "http://8.8.8.8/", "http://[2606:4700::1]/"]
)
def test_names_and_public_literals_are_not_refused_at_creation(target: str) -> None:
    assert CLOSED.refuse_literal(url(target)) is None


@pytest.mark.parametrize("text", ["", " ", ",", " , "])
def test_an_empty_setting_allows_nothing(text: str) -> None:
    assert parse_egress(text) == CLOSED


@pytest.mark.parametrize(
    "block", ["10.0.0.1/8", "10.0.0.0/33", "localhost", "10.*", "::1/129", "10.0.0.0-10.0.0.9"]
)
def test_a_wrong_range_in_the_setting_is_named(block: str) -> None:
    with pytest.raises(ValueError, match="is not a network in CIDR notation") as raised:
        parse_egress(f"127.0.0.0/8, {block}")
    assert repr(block) in str(raised.value)
