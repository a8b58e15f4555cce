"""What is dialled and what is not, on a connector that records. No test here opens a connection."""

import asyncio
import ssl
from collections.abc import Sequence

import pytest

from core.egress.guard import REFUSED, Egress, parse_egress
from core.egress.urls import Url, parse_url
from scheduler.sender.connection import Connection
from scheduler.sender.dialer import MAX_ADDRESSES, Dialer, Guard
from scheduler.sender.reply import Failure, NotStarted
from scheduler.sender.resolver import Resolver, Unresolved
from scheduler.verdict import FailureCode
from tests.unit.core.egress.test_addresses import NOT_PUBLIC, PUBLIC
from tests.unit.scheduler.sender.fakes import RecordingConnector, RoteResolver, Transports

TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
REFUSED_CONNECTION = ConnectionRefusedError(111, "Connect call failed ('8.8.8.8', 80)")


def always() -> bool:
    return True


async def dial(
    target: str,
    connector: RecordingConnector,
    resolver: Resolver | None = None,
    *,
    egress: Egress | None = None,
    guard: Guard = always,
    seconds: float = 30,
) -> Connection | Failure | NotStarted:
    url = parse_url(target)
    assert isinstance(url, Url), url
    loop = asyncio.get_running_loop()
    dialer = Dialer(
        loop,
        egress=egress or Egress(),
        resolver=resolver or RoteResolver([]),
        connector=connector,
        tls=TLS,
        open_connections=set(),
    )
    return await dialer.dial(url, deadline=loop.time() + seconds, guard=guard)


def literal(address: str) -> str:
    return f"http://[{address}]/" if ":" in address else f"http://{address}/"


@pytest.mark.promise(10)
@pytest.mark.parametrize("address", NOT_PUBLIC)
async def test_an_address_that_is_not_public_is_never_dialled(transports: Transports, address: str) -> None:
    connector = RecordingConnector(transports)
    by_literal = await dial(literal(address), connector)
    by_name = await dial("https://example.com/", connector, RoteResolver([address]))
    assert connector.dialled == []
    for reply in (by_literal, by_name):
        assert isinstance(reply, Failure)
        assert (reply.code, reply.message, reply.bytes_sent) == (
            FailureCode.DESTINATION_REFUSED,
            REFUSED.message,
            0,
        )


@pytest.mark.parametrize("address", PUBLIC)
async def test_a_public_address_is_dialled_as_it_was_checked(transports: Transports, address: str) -> None:
    connector = RecordingConnector(transports)
    resolver = RoteResolver([address])
    assert isinstance(await dial("https://Example.COM:8443/", connector, resolver), Connection)
    assert connector.dialled == [(address, 8443, True, "example.com")]
    assert resolver.asked == ["example.com"]


@pytest.mark.parametrize(
    "name",
    ["localhost", "a.localhost", "db.internal", "127.0.0.1.nip.io", "metadata.google.internal", "router"],
)
async def test_a_name_that_leads_to_a_private_address_is_refused(transports: Transports, name: str) -> None:
    connector = RecordingConnector(transports)
    reply = await dial(f"http://{name}/", connector, RoteResolver(["127.0.0.1"]))
    assert isinstance(reply, Failure) and reply.code is FailureCode.DESTINATION_REFUSED
    assert connector.dialled == []


@pytest.mark.promise(10)
@pytest.mark.parametrize(
    "answers",
    [
        ["8.8.8.8", "10.0.0.1"],
        ["10.0.0.1", "8.8.8.8"],
        ["8.8.8.8", "2606:4700::1", "::1"],
        ["2606:4700::1", "fd00:ec2::254"],
        ["8.8.8.8", "::ffff:127.0.0.1"],
        ["8.8.8.8"] * 100 + ["169.254.169.254"],
        ["8.8.8.8", "not an address"],
        ["8.8.8.8", "fe80::1%eth0"],
    ],
)
async def test_one_bad_answer_among_good_ones_refuses_the_name(
    transports: Transports, answers: Sequence[str]
) -> None:
    connector = RecordingConnector(transports)
    reply = await dial("http://example.com/", connector, RoteResolver(answers))
    assert isinstance(reply, Failure) and reply.code is FailureCode.DESTINATION_REFUSED
    assert connector.dialled == []


@pytest.mark.promise(10)
async def test_a_name_that_changes_its_answer_is_asked_once_per_dial_and_judged_each_time(
    transports: Transports,
) -> None:
    connector = RecordingConnector(transports)
    rebinding = RoteResolver(["8.8.8.8"], ["127.0.0.1"])
    assert isinstance(await dial("http://example.com/", connector, rebinding), Connection)
    reply = await dial("http://example.com/", connector, rebinding)
    assert isinstance(reply, Failure) and reply.code is FailureCode.DESTINATION_REFUSED
    assert [address for address, *_ in connector.dialled] == ["8.8.8.8"]
    assert len(rebinding.asked) == 2


async def test_the_operators_range_is_dialled(transports: Transports) -> None:
    connector = RecordingConnector(transports)
    allowed = parse_egress("127.0.0.0/8,::1/128")
    both = RoteResolver(["::1", "127.0.0.1"])
    assert isinstance(await dial("http://localhost:9/", connector, both, egress=allowed), Connection)
    assert isinstance(await dial("http://[::ffff:127.0.0.1]/", connector, egress=allowed), Connection)
    assert [address for address, *_ in connector.dialled] == ["::1", "::ffff:7f00:1"]


async def test_a_literal_is_not_resolved(transports: Transports) -> None:
    resolver = RoteResolver(["10.0.0.1"])
    connector = RecordingConnector(transports)
    assert isinstance(await dial("http://8.8.8.8/", connector, resolver), Connection)
    assert resolver.asked == []


async def test_proxies_in_the_environment_are_ignored(
    transports: Transports, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:3128")
    connector = RecordingConnector(transports)
    await dial("http://example.com/", connector, RoteResolver(["8.8.8.8"]))
    assert [address for address, *_ in connector.dialled] == ["8.8.8.8"]


async def test_a_link_that_leads_elsewhere_is_dropped(transports: Transports) -> None:
    connector = RecordingConnector(transports, peer="10.0.0.1")
    reply = await dial("http://8.8.8.8/", connector)
    assert isinstance(reply, Failure) and reply.code is FailureCode.DESTINATION_REFUSED
    assert transports.made[0].aborted


async def test_further_addresses_are_tried_when_one_takes_no_connection(transports: Transports) -> None:
    connector = RecordingConnector(transports, REFUSED_CONNECTION, TimeoutError())
    reply = await dial("http://example.com/", connector, RoteResolver(["1.1.1.1", "8.8.8.8", "2606:4700::1"]))
    assert isinstance(reply, Connection)
    assert [address for address, *_ in connector.dialled] == ["1.1.1.1", "8.8.8.8", "2606:4700::1"]


async def test_no_more_addresses_than_the_limit_are_tried(transports: Transports) -> None:
    connector = RecordingConnector(transports, *[REFUSED_CONNECTION] * 100)
    reply = await dial(
        "http://example.com/", connector, RoteResolver([f"8.8.8.{last}" for last in range(100)])
    )
    assert isinstance(reply, Failure) and reply.code is FailureCode.CONNECT_ERROR
    assert len(connector.dialled) == MAX_ADDRESSES


async def test_a_refused_connection_is_told_without_an_address(transports: Transports) -> None:
    reply = await dial("http://8.8.8.8/", RecordingConnector(transports, REFUSED_CONNECTION))
    assert isinstance(reply, Failure)
    assert reply.message == "The target took no connection: connection refused."
    assert "8.8.8.8" in reply.detail


async def test_a_certificate_that_is_not_the_hosts_is_a_tls_error_and_ends_the_search(
    transports: Transports,
) -> None:
    connector = RecordingConnector(transports, ssl.SSLCertVerificationError(1, "bad"))
    reply = await dial("https://example.com/", connector, RoteResolver(["8.8.8.8", "1.1.1.1"]))
    assert isinstance(reply, Failure) and reply.code is FailureCode.TLS_ERROR
    assert len(connector.dialled) == 1


async def test_a_name_without_an_address_is_a_dns_error(transports: Transports) -> None:
    connector = RecordingConnector(transports)
    unknown = await dial(
        "http://example.com/", connector, RoteResolver(Unresolved("The name does not exist."))
    )
    empty = await dial("http://example.com/", connector, RoteResolver([]))
    assert isinstance(unknown, Failure) and isinstance(empty, Failure)
    assert unknown.code is empty.code is FailureCode.DNS_ERROR
    assert unknown.message == "The name does not exist."


async def test_a_guard_that_says_no_lets_nothing_be_dialled(transports: Transports) -> None:
    connector = RecordingConnector(transports)
    assert await dial("http://8.8.8.8/", connector, guard=lambda: False) == NotStarted()
    assert connector.dialled == []


async def test_the_guard_is_asked_again_before_each_further_address(transports: Transports) -> None:
    connector = RecordingConnector(transports, REFUSED_CONNECTION)
    words = iter([True, False])
    reply = await dial(
        "http://example.com/", connector, RoteResolver(["1.1.1.1", "8.8.8.8"]), guard=lambda: next(words)
    )
    assert reply == NotStarted()
    assert len(connector.dialled) == 1


class Never:
    """A resolver and connector that do not answer."""

    async def resolve(self, name: str) -> Sequence[str]:
        await asyncio.get_running_loop().create_future()
        return []


async def test_a_name_that_takes_for_ever_ends_at_the_deadline(transports: Transports) -> None:
    reply = await dial("http://example.com/", RecordingConnector(transports), Never(), seconds=0.02)
    assert isinstance(reply, Failure) and reply.code is FailureCode.TIMEOUT
