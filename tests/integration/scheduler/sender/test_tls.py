"""TLS: the name in the URL is checked, whatever address was dialled, and nothing below 1.2 is spoken."""

import asyncio
import ssl
import warnings
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import trustme

from core.egress.guard import parse_egress
from scheduler.sender.dialer import client_tls
from scheduler.sender.sender import Sender
from scheduler.verdict import FailureCode
from tests.integration.scheduler.sender.targets import (
    LOOPBACK,
    OK,
    Calls,
    FixedResolver,
    answering,
    read_request,
    silent,
    target,
)

HOST = "hooks.example"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def trusting(authority: trustme.CA) -> AsyncIterator[Calls]:
    """A sender that trusts the test's authority and nobody else."""
    tls = client_tls()
    authority.configure_trust(tls)
    sender = Sender(egress=parse_egress(LOOPBACK), resolver=FixedResolver(), tls=tls)
    yield Calls(sender)
    await sender.close()


def serving(authority: trustme.CA, *names: str, expires: datetime | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, not_after=expires).configure_cert(context)
    return context


async def test_a_call_is_made_and_its_connection_reused(trusting: Calls, authority: trustme.CA) -> None:
    seen: list[bytes] = []
    async with target(answering(OK, seen=seen), tls=serving(authority, HOST)) as there:
        first = await trusting.response(there.url(host=HOST))
        second = await trusting.response(there.url(host=HOST), body=bytes(1024 * 1024))
    assert (first.status, first.reused, second.status, second.reused) == (200, False, 200, True)
    assert f"\r\nHost: {HOST}:{there.port}\r\n".encode() in seen[0]
    assert there.connections == 1


async def test_the_target_is_asked_for_by_name(trusting: Calls, authority: trustme.CA) -> None:
    asked: list[str | None] = []
    context = serving(authority, HOST)
    context.sni_callback = lambda _, name, __: asked.append(name)
    async with target(answering(OK), tls=context) as there:
        await trusting.response(there.url(host=HOST))
    assert asked == [HOST]


async def test_an_address_in_a_url_needs_a_certificate_for_the_address(
    trusting: Calls, authority: trustme.CA
) -> None:
    async with target(answering(OK), tls=serving(authority, "127.0.0.1")) as there:
        assert (await trusting.response(there.url())).status == 200
    async with target(answering(OK), tls=serving(authority, HOST)) as there:
        await trusting.failure(there.url(), FailureCode.TLS_ERROR)


async def test_another_names_certificate_is_not_accepted(trusting: Calls, authority: trustme.CA) -> None:
    seen: list[bytes] = []
    async with target(
        answering(OK, seen=seen), tls=serving(authority, "other.example", "127.0.0.1")
    ) as there:
        failure = await trusting.failure(there.url(host=HOST), FailureCode.TLS_ERROR, body=b"secret")
    assert failure.bytes_sent == 0 and seen == []
    assert "certificate" in failure.message and "127.0.0.1" not in failure.message


async def test_an_unknown_authoritys_certificate_is_not_accepted(trusting: Calls) -> None:
    async with target(answering(OK), tls=serving(trustme.CA(), HOST)) as there:
        await trusting.failure(there.url(host=HOST), FailureCode.TLS_ERROR)


async def test_an_expired_certificate_is_not_accepted(trusting: Calls, authority: trustme.CA) -> None:
    expired = serving(authority, HOST, expires=datetime(2020, 1, 1, tzinfo=UTC))
    async with target(answering(OK), tls=expired) as there:
        failure = await trusting.failure(there.url(host=HOST), FailureCode.TLS_ERROR)
    assert "expired" in failure.message


async def test_the_machines_authorities_are_trusted_and_the_tests_are_not(
    calls: Calls, authority: trustme.CA
) -> None:
    async with target(answering(OK), tls=serving(authority, HOST)) as there:
        await calls.failure(there.url(host=HOST), FailureCode.TLS_ERROR)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_current_versions_are_spoken(
    trusting: Calls, authority: trustme.CA, version: ssl.TLSVersion
) -> None:
    context = serving(authority, HOST)
    context.minimum_version = context.maximum_version = version
    async with target(answering(OK), tls=context) as there:
        assert (await trusting.response(there.url(host=HOST))).status == 200
        assert (await trusting.response(there.url(host=HOST))).reused


async def test_a_target_that_speaks_only_tls_1_1_is_not_spoken_to(
    trusting: Calls, authority: trustme.CA
) -> None:
    context = serving(authority, HOST)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    async with target(answering(OK), tls=context) as there:
        failure = await trusting.failure(there.url(host=HOST), FailureCode.TLS_ERROR)
    assert failure.bytes_sent == 0


def test_the_client_speaks_nothing_below_tls_1_2_and_checks_names() -> None:
    tls = client_tls()
    assert tls.minimum_version is ssl.TLSVersion.TLSv1_2
    assert tls.check_hostname and tls.verify_mode is ssl.CERT_REQUIRED


async def test_a_target_without_tls_is_a_tls_error(trusting: Calls) -> None:
    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        await reader.read()

    async with target(handle) as there:
        plain = there.url(host=HOST).replace("http://", "https://")
        await trusting.failure(plain, FailureCode.TLS_ERROR)


async def test_a_handshake_that_never_ends_is_given_up_at_the_deadline(trusting: Calls) -> None:
    async with target(silent) as there:
        stuck = there.url(host=HOST).replace("http://", "https://")
        failure = await trusting.failure(stuck, FailureCode.TIMEOUT, seconds=0.2)
    assert failure.bytes_sent == 0


async def test_a_body_that_ends_with_the_connection_is_read(trusting: Calls, authority: trustme.CA) -> None:
    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nall of it")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with target(handle, tls=serving(authority, HOST)) as there:
        response = await trusting.response(there.url(host=HOST))
    assert (response.status, response.body) == (200, b"all of it")


async def test_a_deadline_in_the_middle_of_a_response_ends_the_call(
    trusting: Calls, authority: trustme.CA
) -> None:
    async def handle(reader: StreamReader, writer: StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await writer.drain()
        await asyncio.get_running_loop().create_future()

    async with target(handle, tls=serving(authority, HOST)) as there:
        await trusting.failure(there.url(host=HOST), FailureCode.TIMEOUT, seconds=0.3)
    assert trusting.sender.open_connections == 0
