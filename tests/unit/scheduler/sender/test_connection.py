"""One connection: when it is fit, what ends an exchange, and how its deadline is kept."""

import asyncio

import pytest

from scheduler.sender.connection import Connection
from scheduler.sender.reply import Failure, Response
from scheduler.verdict import FailureCode
from tests.unit.scheduler.sender.fakes import FakeLoop, FakeTransport, Transports

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Line:
    """A connection on a fake transport."""

    def __init__(self, loop: FakeLoop, transports: Transports) -> None:
        self.loop = loop
        self.open: set[Connection] = set()
        self.transport: FakeTransport = transports.make()
        self.connection = Connection(loop, self.open)
        self.connection.connection_made(self.transport)

    def exchange(
        self, wire: bytes = b"request", *, seconds: float = 30
    ) -> asyncio.Future[Response | Failure]:
        reply: asyncio.Future[Response | Failure] = asyncio.Future(loop=self.loop)
        self.connection.exchange(
            wire, deadline=self.loop.now + seconds, head_only=False, done=reply.set_result
        )
        return reply


@pytest.fixture
def line(loop: FakeLoop, transports: Transports) -> Line:
    return Line(loop, transports)


def failure(reply: asyncio.Future[Response | Failure]) -> Failure:
    result = reply.result()
    assert isinstance(result, Failure)
    return result


def test_a_request_is_one_write_and_its_response_the_result(line: Line) -> None:
    reply = line.exchange(b"head and body")
    line.connection.data_received(OK)
    assert line.transport.written == [b"head and body"]
    assert reply.result() == Response(
        200, (("content-length", "2"),), b"ok", False, bytes_sent=13, reused=False
    )


def test_a_clean_end_leaves_the_connection_fit_for_another(line: Line) -> None:
    line.exchange()
    line.connection.data_received(OK)
    assert line.connection.fit
    second = line.exchange()
    line.connection.data_received(OK)
    result = second.result()
    assert isinstance(result, Response) and result.reused
    assert not line.transport.aborted


def test_a_connection_is_not_fit_while_an_exchange_is_under_way(line: Line) -> None:
    line.exchange()
    assert not line.connection.fit


def test_a_target_that_closes_is_not_kept(line: Line) -> None:
    line.exchange()
    line.connection.data_received(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    assert not line.connection.fit and line.transport.aborted


def test_an_answer_before_the_whole_request_left_is_taken_and_the_connection_is_not_kept(line: Line) -> None:
    reply = line.exchange(b"x" * 100)
    line.transport.unsent = 40
    line.connection.data_received(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
    result = reply.result()
    assert isinstance(result, Response) and (result.status, result.bytes_sent) == (413, 60)
    assert not line.connection.fit and line.transport.aborted


def test_bytes_that_nobody_asked_for_end_an_idle_connection(line: Line) -> None:
    line.exchange()
    line.connection.data_received(OK)
    line.connection.data_received(OK)
    assert not line.connection.fit and line.transport.aborted


def test_bytes_the_loop_has_not_seen_yet_make_an_idle_connection_unfit_to_use(line: Line) -> None:
    assert line.connection.quiet()
    line.transport.far.send(b"x")
    assert not line.connection.quiet()


def test_a_close_the_loop_has_not_seen_yet_makes_an_idle_connection_unfit_to_use(line: Line) -> None:
    line.transport.far.close()
    assert not line.connection.quiet()


def test_what_is_not_http_fails_the_exchange(line: Line) -> None:
    reply = line.exchange()
    line.connection.data_received(b"SSH-2.0-x\r\n")
    assert failure(reply).code is FailureCode.PROTOCOL_ERROR
    assert failure(reply).bytes_sent == len(b"request")
    assert line.transport.aborted


@pytest.mark.parametrize("lost", [None, ConnectionResetError(104, "reset")])
@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"])
def test_a_link_that_ends_before_the_response_does_is_lost(
    line: Line, lost: Exception | None, before: bytes
) -> None:
    reply = line.exchange()
    if before:
        line.connection.data_received(before)
    line.connection.connection_lost(lost)
    assert failure(reply).code is FailureCode.CONNECTION_LOST
    assert not line.connection.fit and not line.open


def test_a_body_that_ends_with_the_connection_is_a_response(line: Line) -> None:
    reply = line.exchange()
    line.connection.data_received(b"HTTP/1.1 200 OK\r\n\r\nall of it")
    assert not reply.done()
    line.connection.connection_lost(None)
    result = reply.result()
    assert isinstance(result, Response) and result.body == b"all of it"
    assert not line.connection.fit


def test_a_body_that_ends_with_a_reset_is_lost(line: Line) -> None:
    reply = line.exchange()
    line.connection.data_received(b"HTTP/1.1 200 OK\r\n\r\nsome of it")
    line.connection.connection_lost(ConnectionResetError())
    assert failure(reply).code is FailureCode.CONNECTION_LOST


def test_the_deadline_ends_an_exchange_to_the_instant(line: Line) -> None:
    reply = line.exchange(seconds=30)
    line.loop.advance(29.999)
    assert not reply.done()
    line.loop.advance(0.001)
    assert failure(reply).code is FailureCode.TIMEOUT
    assert line.transport.aborted


def test_a_drip_does_not_put_the_deadline_off(line: Line) -> None:
    reply = line.exchange(seconds=3)
    line.connection.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n")
    for _ in range(3):
        line.loop.advance(1)
        line.connection.data_received(b"x") if not reply.done() else None
    assert failure(reply).code is FailureCode.TIMEOUT


def test_what_was_not_written_out_by_the_deadline_is_not_counted_as_sent(line: Line) -> None:
    reply = line.exchange(b"x" * 100, seconds=1)
    line.transport.unsent = 70
    line.loop.advance(1)
    assert failure(reply).bytes_sent == 30


def test_exchanges_with_later_deadlines_arm_no_further_timer(line: Line) -> None:
    for _ in range(10):
        line.loop.advance(0.1)
        line.exchange(seconds=30)
        line.connection.data_received(OK)
    assert line.loop.armed == 1


def test_the_timer_of_an_earlier_exchange_does_not_end_a_later_one(line: Line) -> None:
    line.exchange(seconds=10)
    line.connection.data_received(OK)
    line.loop.advance(5)
    later = line.exchange(seconds=10)
    line.loop.advance(9.9)
    assert not later.done()
    line.loop.advance(0.1)
    assert failure(later).code is FailureCode.TIMEOUT


def test_a_later_exchange_may_have_the_earlier_deadline(line: Line) -> None:
    line.exchange(seconds=100)
    line.connection.data_received(OK)
    soon = line.exchange(seconds=1)
    line.loop.advance(1)
    assert failure(soon).code is FailureCode.TIMEOUT


def test_a_timer_that_rings_on_an_idle_connection_leaves_it_alone(line: Line) -> None:
    line.exchange(seconds=1)
    line.connection.data_received(OK)
    line.loop.advance(5)
    assert line.connection.fit and not line.transport.aborted


def test_an_aborted_exchange_ends_as_lost(line: Line) -> None:
    reply = line.exchange()
    line.connection.abort()
    assert failure(reply).code is FailureCode.CONNECTION_LOST
    assert line.transport.aborted


def test_the_end_of_an_exchange_is_told_once(line: Line) -> None:
    told: list[object] = []
    line.connection.exchange(b"x", deadline=line.loop.now + 30, head_only=False, done=told.append)
    line.connection.abort()
    line.connection.data_received(OK)
    line.connection.connection_lost(None)
    assert len(told) == 1 and not line.connection.fit


def test_no_timer_outlives_its_connection(line: Line) -> None:
    line.exchange()
    line.connection.connection_lost(None)
    assert all(timer.cancelled() for timer in line.loop.timers)


def test_a_failure_says_where_the_link_ended_and_names_no_address(line: Line) -> None:
    silent = line.exchange()
    line.connection.connection_lost(ConnectionResetError(104, "10.0.0.1"))
    assert failure(silent).message == "The target closed the connection without a response."
    assert "10.0.0.1" in failure(silent).detail
