"""What `call.api` dials and what it refuses, on a connector that records. Nothing here opens a connection."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from core.egress.guard import REFUSED, Egress, parse_egress
from noonmark.functions import Context, PermanentFailure
from scheduler.functions import calling
from scheduler.functions.calling import CallFailed
from scheduler.sender.sender import Sender
from tests.unit.core.egress.test_addresses import NOT_PUBLIC
from tests.unit.scheduler.sender.fakes import RecordingConnector, RoteResolver, Transports

REFUSING = ConnectionRefusedError(111, "Connect call failed")


class Calls:
    """Calls by a sender that dials nothing."""

    def __init__(self, folder: Path, resolver: RoteResolver, *, egress: Egress | None = None) -> None:
        self.connector = RecordingConnector(Transports(), *[REFUSING] * 8)
        self._resolver = resolver
        self._egress = egress or calling.EGRESS
        self._context = Context(output_dir=folder)

    async def call(self, **params: Any) -> dict[str, Any]:
        sender = Sender(egress=self._egress, resolver=self._resolver, connector=self.connector)
        return await calling.called(self._context, params, sender)


def literal(address: str) -> str:
    return f"[{address}]" if ":" in address else address


@pytest.mark.parametrize("address", NOT_PUBLIC)
async def test_no_address_that_is_not_public_is_dialled(address: str, tmp_path: Path) -> None:
    calls = Calls(tmp_path, RoteResolver([address]))
    for host in (literal(address), "inside.example"):
        with pytest.raises(PermanentFailure, match="not a public address"):
            await calls.call(url=f"http://{host}/latest/meta-data")
    assert calls.connector.dialled == []


async def test_one_bad_answer_spoils_a_name(tmp_path: Path) -> None:
    calls = Calls(tmp_path, RoteResolver(["93.184.216.34", "169.254.169.254"]))
    with pytest.raises(PermanentFailure) as refusal:
        await calls.call(url="https://mixed.example/")
    assert str(refusal.value) == REFUSED.message
    assert calls.connector.dialled == []


async def test_a_public_address_is_dialled_and_no_other(tmp_path: Path) -> None:
    calls = Calls(tmp_path, RoteResolver(["93.184.216.34"]))
    with pytest.raises(CallFailed, match="connection refused"):
        await calls.call(url="https://api.example/")
    assert calls.connector.dialled == [("93.184.216.34", 443, True, "api.example")]


async def test_what_the_operator_allows_is_dialled(tmp_path: Path) -> None:
    calls = Calls(tmp_path, RoteResolver(["10.1.2.3"]), egress=parse_egress("10.1.0.0/16"))
    with pytest.raises(CallFailed):
        await calls.call(url="http://inside.example:8080/")
    assert calls.connector.dialled == [("10.1.2.3", 8080, False, "inside.example")]


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({}, "url"),
        ({"url": "file:///etc/passwd"}, "http://"),
        ({"url": "http://user:secret@api.example/"}, "user name"),
        ({"url": "http://api.example:25/"}, "mail"),
        ({"url": "http://2130706433/"}, "address"),
        ({"url": "http://api.example/", "method": "TRACE"}, "TRACE"),
        ({"url": "http://api.example/", "headers": {"Host": "other.example"}}, "Host"),
        ({"url": "http://api.example/", "headers": {"X-A": "a\r\nX-B: b"}}, "X-A"),
        ({"url": "http://api.example/", "body": 1, "body_text": "1"}, "not both"),
        ({"url": "http://api.example/", "timeout_seconds": 0}, "timeout_seconds"),
        ({"url": "http://api.example/", "expected_status": ["1xx"]}, "expected_status"),
        ({"url": "http://api.example/", "expected_status": []}, "expected_status"),
        ({"url": "http://api.example/", "proxy": "http://10.0.0.1"}, "proxy"),
    ],
    ids=lambda each: str(each)[:70],
)
async def test_what_is_no_call_is_refused_for_good(params: dict[str, Any], why: str, tmp_path: Path) -> None:
    calls = Calls(tmp_path, RoteResolver(["93.184.216.34"]))
    with pytest.raises(PermanentFailure, match=why):
        await calls.call(**params)
    assert calls.connector.dialled == []


async def test_a_call_that_gets_no_connection_in_time_may_be_tried_again(tmp_path: Path) -> None:
    class Silent(RoteResolver):
        async def resolve(self, name: str) -> Any:
            await asyncio.Event().wait()

    with pytest.raises(CallFailed, match="deadline"):
        await Calls(tmp_path, Silent([])).call(url="http://api.example/", timeout_seconds=1)


def test_without_a_word_of_the_operator_only_public_addresses_are_allowed() -> None:
    assert Egress() == calling.EGRESS
