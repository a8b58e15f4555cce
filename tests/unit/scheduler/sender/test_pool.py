"""Which idle connections are kept, for whom and for how long."""

from uuid import UUID

import pytest

from scheduler.sender.connection import Connection
from scheduler.sender.pool import IDLE_SECONDS, LIFE_SECONDS, Key, Pool
from tests.unit.scheduler.sender.fakes import FakeLoop, FakeTransport, Transports

KEY: Key = (UUID(int=1), "http", "example.com", 80)


class Kept:
    """A pool and a way to make connections for it."""

    def __init__(self, loop: FakeLoop, transports: Transports) -> None:
        self.loop = loop
        self.pool = Pool(loop, max_idle=4, max_idle_per_key=3)
        self._transports = transports

    def connection(self, *headers: str) -> tuple[Connection, FakeTransport]:
        """One that has just carried an exchange."""
        transport = self._transports.make()
        connection = Connection(self.loop, set())
        connection.connection_made(transport)
        connection.exchange(b"", deadline=self.loop.now + 3600, head_only=False, done=lambda _: None)
        lines = "".join(f"{header}\r\n" for header in headers)
        connection.data_received(f"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{lines}\r\n".encode())
        return connection, transport

    def release(self, key: Key = KEY, *headers: str) -> tuple[Connection, FakeTransport]:
        connection, transport = self.connection(*headers)
        self.pool.release(key, connection)
        return connection, transport


@pytest.fixture
def kept(loop: FakeLoop, transports: Transports) -> Kept:
    return Kept(loop, transports)


def test_the_most_recent_connection_is_taken_first(kept: Kept) -> None:
    first, _ = kept.release()
    second, _ = kept.release()
    assert kept.pool.take(KEY) is second
    assert kept.pool.take(KEY) is first
    assert kept.pool.take(KEY) is None


@pytest.mark.parametrize(
    "other",
    [
        (UUID(int=2), "http", "example.com", 80),
        (UUID(int=1), "https", "example.com", 80),
        (UUID(int=1), "http", "example.org", 80),
        (UUID(int=1), "http", "example.com", 81),
    ],
)
def test_another_tenant_or_origin_never_gets_the_connection(kept: Kept, other: Key) -> None:
    kept.release()
    assert kept.pool.take(other) is None


def test_a_connection_idle_for_too_long_is_closed_and_not_taken(kept: Kept) -> None:
    _, transport = kept.release()
    kept.loop.now += IDLE_SECONDS
    assert kept.pool.take(KEY) is None
    assert transport.aborted


def test_the_sweep_closes_what_nobody_takes_and_then_rests(kept: Kept) -> None:
    _, transport = kept.release()
    kept.loop.advance(IDLE_SECONDS + 1)
    assert transport.aborted and len(kept.pool) == 0
    armed = kept.loop.armed
    kept.loop.advance(60)
    assert kept.loop.armed == armed


def test_the_sweep_leaves_fresh_connections(kept: Kept) -> None:
    kept.release()
    kept.loop.advance(IDLE_SECONDS - 1)
    fresh, _ = kept.release()
    kept.loop.advance(2)
    assert len(kept.pool) == 1
    assert kept.pool.take(KEY) is fresh


def test_a_targets_shorter_promise_is_kept_with_a_margin(kept: Kept) -> None:
    kept.release(KEY, "Keep-Alive: timeout=3")
    kept.loop.now += 1.9
    connection = kept.pool.take(KEY)
    assert connection is not None
    kept.pool.release(KEY, connection)
    kept.loop.now += 2
    assert kept.pool.take(KEY) is None


@pytest.mark.parametrize("seconds", [0, 1])
def test_a_target_that_keeps_connections_for_a_second_gets_a_new_one_each_time(
    kept: Kept, seconds: int
) -> None:
    _, transport = kept.release(KEY, f"Keep-Alive: timeout={seconds}")
    assert transport.aborted and len(kept.pool) == 0


def test_a_targets_longer_promise_changes_nothing(kept: Kept) -> None:
    kept.release(KEY, "Keep-Alive: timeout=600")
    kept.loop.now += IDLE_SECONDS
    assert kept.pool.take(KEY) is None


def test_a_connection_in_steady_use_is_renewed_after_a_while(kept: Kept) -> None:
    connection, transport = kept.release()
    for _ in range(int(LIFE_SECONDS) - 1):
        kept.loop.advance(1)
        assert kept.pool.take(KEY) is connection
        kept.pool.release(KEY, connection)
    kept.loop.advance(1)
    assert kept.pool.take(KEY) is None and transport.aborted


def test_a_connection_that_the_target_closed_is_not_taken(kept: Kept) -> None:
    alive, _ = kept.release()
    closed, _ = kept.release()
    closed.connection_lost(None)
    assert kept.pool.take(KEY) is alive


def test_a_connection_with_something_to_read_is_not_taken(kept: Kept) -> None:
    _, transport = kept.release()
    transport.far.send(b"x")
    assert kept.pool.take(KEY) is None and transport.aborted


def test_a_connection_in_the_middle_of_an_exchange_is_not_kept(kept: Kept) -> None:
    connection, transport = kept.connection()
    connection.exchange(b"", deadline=kept.loop.now + 30, head_only=False, done=lambda _: None)
    kept.pool.release(KEY, connection)
    assert transport.aborted and len(kept.pool) == 0


def test_no_more_than_the_caps_are_kept(kept: Kept) -> None:
    for _ in range(3):
        kept.release()
    assert kept.release()[1].aborted
    other = (UUID(int=2), "http", "example.com", 80)
    assert not kept.release(other)[1].aborted
    assert kept.release(other)[1].aborted
    assert len(kept.pool) == 4


def test_room_is_free_again_once_a_connection_was_taken_or_swept(kept: Kept) -> None:
    for _ in range(3):
        kept.release()
    kept.pool.take(KEY)
    assert not kept.release()[1].aborted
    kept.loop.advance(IDLE_SECONDS + 1)
    assert not kept.release()[1].aborted
    assert len(kept.pool) == 1


def test_a_closed_pool_keeps_nothing(kept: Kept) -> None:
    _, idle = kept.release()
    busy, transport = kept.connection()
    kept.pool.close()
    kept.pool.release(KEY, busy)
    assert idle.aborted and transport.aborted
    assert kept.pool.take(KEY) is None
