"""Which headers are secrets."""

import pytest

from app.jobs import masking


@pytest.mark.parametrize(
    "name",
    [
        "Authorization", "authorisation", "X-Auth", "X-Api-Key", "apikey", "Ocp-Apim-Subscription-Key",
        "X-Auth-Token", "X-Amz-Security-Token", "X-Hub-Signature-256", "Client-Secret",
        "X-Password", "X-Session-Id",
    ],
)  # fmt: skip
def test_a_name_like_a_credentials_is_secret(name: str) -> None:
    assert masking.is_secret(name, [])


@pytest.mark.parametrize(
    "name", ["Accept", "Content-Type", "User-Agent", "X-Author", "X-Customer", "X-Monkeys"]
)
def test_other_names_are_plain_unless_marked(name: str) -> None:
    assert not masking.is_secret(name, [])
    assert masking.is_secret(name, [name.upper()])


def test_headers_are_divided_and_none_is_lost() -> None:
    plain, secret = masking.divide({"A": "1", "Authorization": "2", "B": "3"}, ["b"])
    assert (plain, secret) == ({"A": "1"}, {"Authorization": "2", "B": "3"})
