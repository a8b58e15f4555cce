"""What the receiver answers and writes down."""

import asyncio
from typing import cast

import pytest

from benchmarks.receiver.ledger import Ledger
from benchmarks.receiver.protocol import OK, Book, Protocol, content_length

_JOB = "0192f5b2-5c8e-7bb4-9f36-b1a6f5d0c001"


class Wire:
    """A transport that remembers."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data


class Conversation:
    """One connection to a receiver whose clock stands at 5."""

    def __init__(self) -> None:
        self.book = Book(clock=lambda: 5.0)
        self.wire = Wire()
        self._protocol = Protocol(self.book)
        self._protocol.connection_made(cast(asyncio.Transport, self.wire))

    def says(self, data: bytes) -> bytes:
        """What is answered to these bytes."""
        self.wire.written = b""
        self._protocol.data_received(data)
        return self.wire.written


@pytest.fixture
def conversation() -> Conversation:
    return Conversation()


def call(path: str = "/hook", *, attempt: int = 1) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nwebhook-id: {_JOB}\r\nX-Noonmark-Attempt: {attempt}\r\n"
    return f"{head}Content-Length: 4\r\n\r\nbody".encode()


def test_a_call_is_answered_and_written_down(conversation: Conversation) -> None:
    assert conversation.says(call()) == OK
    assert list(conversation.book.ledger) == [(_JOB, 5.0)]


def test_the_answer_has_a_body_of_100_bytes() -> None:
    head, _, body = OK.partition(b"\r\n\r\n")
    assert len(body) == 100 and b"content-length: 100" in head


def test_a_call_in_pieces_is_one_call(conversation: Conversation) -> None:
    whole = call()
    assert conversation.says(whole[:30]) == b""
    assert conversation.says(whole[30:-2]) == b""
    assert conversation.says(whole[-2:]) == OK
    assert len(conversation.book.ledger) == 1


def test_two_calls_in_one_piece_are_two(conversation: Conversation) -> None:
    assert conversation.says(call() + call()) == OK + OK


def test_a_flaky_target_refuses_the_first_attempt_only(conversation: Conversation) -> None:
    assert conversation.says(call("/flaky", attempt=1)).startswith(b"HTTP/1.1 500")
    assert conversation.says(call("/flaky", attempt=2)) == OK


def test_a_held_call_is_answered_when_it_is_released(conversation: Conversation) -> None:
    assert conversation.says(call("/hold")) == b""
    assert conversation.says(b"GET /control/release HTTP/1.1\r\n\r\n").startswith(OK)


def test_it_tells_its_count_and_its_clock(conversation: Conversation) -> None:
    conversation.says(call())
    assert conversation.says(b"GET /control/count HTTP/1.1\r\n\r\n").endswith(b"1 5.000000")


def test_a_reset_forgets(conversation: Conversation) -> None:
    conversation.says(call())
    conversation.says(b"GET /control/reset HTTP/1.1\r\n\r\n")
    assert len(conversation.book.ledger) == 0


def test_a_dump_can_be_loaded(conversation: Conversation) -> None:
    conversation.says(call())
    dumped = conversation.says(b"GET /control/dump HTTP/1.1\r\n\r\n").partition(b"\r\n\r\n")[2]
    assert list(Ledger.load(dumped)) == [(_JOB, 5.0)]


def test_a_dump_that_is_cut_short_is_refused() -> None:
    ledger = Ledger()
    ledger.add(_JOB.encode(), 1.0)
    with pytest.raises(ValueError, match="cut short"):
        Ledger.load(ledger.dump()[:-1])


def test_a_head_without_a_length_has_no_body() -> None:
    assert content_length(b"get / http/1.1\r\n") == 0
