"""Resolving names with c-ares, against a name server on loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import pytest
from dnslib import AAAA, CNAME, QTYPE, RCODE, RR, A, DNSRecord

from core.egress.guard import Egress, parse_egress
from scheduler.sender.resolver import CaresResolver, Unresolved
from scheduler.sender.sender import open_sender
from tests.integration.scheduler.sender.targets import LOOPBACK, OK, Calls, answering, target

Zone = Callable[[DNSRecord], DNSRecord | None]


class NameServer(asyncio.DatagramProtocol):
    """Answers every question with what the zone says, or not at all."""

    def __init__(self, zone: Zone) -> None:
        self.asked: list[tuple[str, str]] = []
        self._zone = zone

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        question = DNSRecord.parse(data)
        self.asked.append((str(question.q.qname), QTYPE[question.q.qtype]))
        answer = self._zone(question)
        if answer is not None:
            self._transport.sendto(answer.pack(), addr)


@asynccontextmanager
async def name_server(zone: Zone) -> AsyncIterator[tuple[CaresResolver, NameServer]]:
    """A resolver that asks only a name server of ours."""
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: NameServer(zone), ("127.0.0.1", 0)
    )
    port = transport.get_extra_info("sockname")[1]
    resolver = CaresResolver([f"127.0.0.1:{port}"])
    try:
        yield resolver, server
    finally:
        await resolver.close()
        transport.close()


def addresses(question: DNSRecord) -> DNSRecord:
    """Two of each family, for every name."""
    answer = question.reply()
    for last in (1, 2):
        if question.q.qtype == QTYPE.A:
            answer.add_answer(RR(question.q.qname, QTYPE.A, ttl=0, rdata=A(f"127.0.0.{last}")))
        else:
            answer.add_answer(RR(question.q.qname, QTYPE.AAAA, ttl=0, rdata=AAAA(f"fd00::{last}")))
    return answer


def failing(code: str) -> Zone:
    def zone(question: DNSRecord) -> DNSRecord:
        answer = question.reply()
        answer.header.rcode = getattr(RCODE, code)
        return answer

    return zone


async def test_a_name_resolves_to_its_addresses_of_both_families() -> None:
    async with name_server(addresses) as (resolver, _):
        found = await resolver.resolve("hooks.example")
    assert not isinstance(found, Unresolved)
    assert sorted(found) == ["127.0.0.1", "127.0.0.2", "fd00::1", "fd00::2"]


async def test_an_alias_is_followed() -> None:
    def zone(question: DNSRecord) -> DNSRecord:
        answer = question.reply()
        answer.add_answer(RR(question.q.qname, QTYPE.CNAME, rdata=CNAME("real.example")))
        if question.q.qtype == QTYPE.A:
            answer.add_answer(RR("real.example", QTYPE.A, rdata=A("127.0.0.9")))
        return answer

    async with name_server(zone) as (resolver, _):
        assert await resolver.resolve("alias.example") == ["127.0.0.9"]


@pytest.mark.parametrize(
    ("zone", "word"),
    [
        (failing("NXDOMAIN"), "does not exist"),
        (failing("SERVFAIL"), "failed"),
        (failing("REFUSED"), "could not be resolved"),
        (lambda question: question.reply(), "no address"),
    ],
    ids=["nxdomain", "servfail", "refused", "empty"],
)
async def test_a_name_that_does_not_resolve_says_why(zone: Zone, word: str) -> None:
    async with name_server(zone) as (resolver, _):
        found = await resolver.resolve("hooks.example")
    assert isinstance(found, Unresolved)
    assert word in found.message, found


async def test_one_familys_silence_does_not_hide_the_others_answer() -> None:
    def zone(question: DNSRecord) -> DNSRecord | None:
        return addresses(question) if question.q.qtype == QTYPE.A else None

    async with name_server(zone) as (resolver, _):
        found = await resolver.resolve("hooks.example")
    assert not isinstance(found, Unresolved) and sorted(found) == ["127.0.0.1", "127.0.0.2"]


async def test_look_ups_of_one_name_at_once_share_one() -> None:
    async with name_server(addresses) as (resolver, server):
        found = await asyncio.gather(*(resolver.resolve("hooks.example") for _ in range(50)))
        assert len({tuple(addresses) for addresses in found if not isinstance(addresses, Unresolved)}) == 1
        assert sorted(server.asked) == [("hooks.example.", "A"), ("hooks.example.", "AAAA")]


async def test_a_look_up_that_one_caller_gave_up_goes_on_for_the_others() -> None:
    async with name_server(addresses) as (resolver, _):
        impatient = asyncio.create_task(resolver.resolve("hooks.example"))
        patient = asyncio.create_task(resolver.resolve("hooks.example"))
        await asyncio.sleep(0)
        impatient.cancel()
        assert not isinstance(await patient, Unresolved)
        assert impatient.cancelled()


async def test_names_nobody_answers_for_do_not_delay_others() -> None:
    def zone(question: DNSRecord) -> DNSRecord | None:
        return None if str(question.q.qname).startswith("slow") else addresses(question)

    async with name_server(zone) as (resolver, _):
        slow = [asyncio.create_task(resolver.resolve(f"slow{number}.example")) for number in range(50)]
        await asyncio.sleep(0)
        async with asyncio.timeout(3):
            assert not isinstance(await resolver.resolve("quick.example"), Unresolved)
        assert not any(task.done() for task in slow)
        for task in slow:
            task.cancel()


async def test_a_look_up_has_a_deadline_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler.sender.resolver.LOOKUP_SECONDS", 0.05)
    async with name_server(lambda _: None) as (resolver, _):
        found = await resolver.resolve("hooks.example")
    assert isinstance(found, Unresolved) and "in time" in found.message


async def test_the_machines_own_names_are_known_without_a_name_server() -> None:
    async with name_server(lambda _: None) as (resolver, server):
        found = await resolver.resolve("localhost")
        assert not isinstance(found, Unresolved)
        assert "127.0.0.1" in found and server.asked == []


async def test_production_calls_localhost_only_where_the_operator_allowed_it() -> None:
    async with target(answering(OK)) as there:
        async with open_sender(parse_egress(LOOPBACK)) as sender:
            assert (await Calls(sender).response(there.url(host="localhost"))).status == 200
        async with open_sender(Egress()) as sender:
            reply = await Calls(sender).reply(there.url(host="localhost"))
            assert getattr(reply, "code", None) == "destination_refused"
        assert there.connections == 1
