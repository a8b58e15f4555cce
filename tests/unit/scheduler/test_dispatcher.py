"""What becomes of a held lease: started in time, cut off when it must be, and always settled."""

import asyncio

import asyncpg
import pytest
from prometheus_client import REGISTRY

from core import metrics
from core.jobs.model import Needs, Outcome
from core.sealing import SealBroken
from core.tenants.store import header_context
from scheduler.flights import Abort, Phase
from scheduler.sender.reply import Failure
from scheduler.verdict import FailureCode
from tests.sent import headers_of
from tests.unit.scheduler.fakes import KEYRING, NOW, Bench, lease, response

ONCE = '{"max_attempts":1}'


async def test_a_due_lease_is_sent_and_its_answer_settled() -> None:
    bench = Bench()
    bench.sender.reply = response(201, ("x-kind", "a"), body=b"made")
    bench.fly()
    settled = await bench.ledger.last()
    assert (settled.outcome, settled.status, settled.body, settled.bytes_sent) == (
        Outcome.SUCCEEDED,
        201,
        b"made",
        100,
    )


async def test_how_late_an_attempt_is_is_measured_when_it_starts() -> None:
    def total() -> float:
        return REGISTRY.get_sample_value("noonmark_lateness_seconds_sum") or 0.0

    before, bench = total(), Bench()
    [flight] = bench.dispatcher.hold([lease(due_at=NOW - 2)], term=bench.fence.term)
    bench.local.now += 1
    bench.dispatcher.start([flight])
    await bench.ledger.last()
    assert total() - before == pytest.approx(3)
    assert (flight.late, flight.written - flight.claimed) == pytest.approx((3, 1))


async def test_a_lease_held_ahead_is_not_started_before_its_instant() -> None:
    bench = Bench()
    flight = bench.fly(due_at=NOW + 0.005)
    assert (flight.phase, flight.task, bench.sender.requests) == (Phase.WAITING, None, [])
    bench.local.now += 0.006
    await bench.ledger.last()
    assert len(bench.sender.requests) == 1


@pytest.mark.promise(6)
async def test_a_timer_that_rings_early_is_set_again() -> None:
    bench = Bench()
    flight = bench.fly(due_at=NOW + 60)
    first = flight.timer
    bench.local.now += 59.9
    bench.dispatcher.start([flight])
    assert flight.timer is not None
    assert (flight.timer is first, flight.task, flight.phase) == (False, None, Phase.WAITING)
    bench.dispatcher.abort(flight, Abort.INTERRUPTED)


async def test_a_guard_that_says_no_gives_the_lease_back_and_burns_no_attempt() -> None:
    bench = Bench()
    bench.boot.now += 12.5
    bench.fly()
    settled = await bench.ledger.last()
    assert (settled.outcome, settled.retry_seconds, bench.sender.requests) == (None, None, [])


@pytest.mark.promise(7)
async def test_a_beat_after_a_freeze_does_not_start_what_was_held_before_it() -> None:
    bench = Bench()
    [flight] = bench.dispatcher.hold([lease()], term=bench.fence.term)
    bench.boot.now += 60
    bench.fence.beaten(bench.boot())
    bench.dispatcher.start([flight])
    settled = await bench.ledger.last()
    assert (settled.outcome, bench.sender.requests) == (None, [])


async def test_a_lease_aborted_before_it_began_is_given_back() -> None:
    bench = Bench()
    flight = bench.fly(due_at=NOW + 60)
    bench.dispatcher.abort(flight, Abort.INTERRUPTED)
    settled = await bench.ledger.last()
    assert (settled.outcome, flight.phase) == (None, Phase.SETTLING)


async def test_a_call_aborted_in_the_very_turn_it_was_begun_is_still_settled_once() -> None:
    bench = Bench()
    flight = bench.fly()
    bench.dispatcher.abort(flight, Abort.CANCELLED)
    settled = await bench.ledger.last()
    await asyncio.sleep(0)
    assert (settled.outcome, len(bench.ledger.settled)) == (Outcome.CANCELLED, 1)


async def test_a_lease_whose_keys_are_not_there_yet_waits_for_them_and_is_sent() -> None:
    bench = Bench()
    bench.secrets.kept = False
    flight = bench.fly()
    assert flight.task is not None
    assert (await bench.ledger.last()).outcome is Outcome.SUCCEEDED


async def test_a_call_that_waited_for_its_keys_is_aborted_as_any() -> None:
    bench = Bench()
    bench.secrets.kept = False
    flight = await bench.calling()
    await asyncio.sleep(0)
    bench.dispatcher.abort(flight, Abort.CANCELLED)
    settled = await bench.ledger.last()
    assert (settled.outcome, len(bench.ledger.settled)) == (Outcome.CANCELLED, 1)


async def test_a_lease_aborted_in_the_very_turn_its_task_was_made_is_still_settled() -> None:
    bench = Bench()
    bench.secrets.kept = False
    flight = bench.fly()
    bench.dispatcher.abort(flight, Abort.INTERRUPTED)
    settled = await bench.ledger.last()
    await asyncio.sleep(0)
    assert (settled.outcome, len(bench.ledger.settled), bench.sender.requests) == (None, 1, [])


async def test_giving_back_what_waits_leaves_calls_alone() -> None:
    bench = Bench()
    calling = await bench.calling()
    bench.fly(due_at=NOW + 60)
    assert bench.dispatcher.give_back_waiting() == 1
    assert calling.phase is Phase.CALLING
    bench.sender.go.set()
    assert [(await bench.ledger.last()).outcome for _ in range(1)] == [None]


async def test_a_cancelled_call_is_aborted_and_says_that_bytes_were_sent() -> None:
    bench = Bench()
    flight = await bench.calling()
    bench.dispatcher.abort(flight, Abort.CANCELLED)
    settled = await bench.ledger.last()
    assert (settled.outcome, settled.bytes_sent, settled.retry_seconds) == (Outcome.CANCELLED, 100, None)
    assert settled.error_message == "The attempt was aborted on request; 100 bytes had been sent."


async def test_a_cancelled_call_says_when_nothing_was_sent() -> None:
    bench = Bench()
    bench.sender.writes = False
    flight = await bench.calling()
    bench.dispatcher.abort(flight, Abort.CANCELLED)
    settled = await bench.ledger.last()
    assert settled.error_message == "The attempt was aborted on request; nothing had been sent."


@pytest.mark.promise(9)
async def test_an_interrupted_call_is_retried_at_once_and_counted() -> None:
    bench = Bench()
    before = metrics.possible_duplicates._value.get()
    flight = await bench.calling()
    bench.dispatcher.abort(flight, Abort.INTERRUPTED)
    settled = await bench.ledger.last()
    assert (settled.outcome, settled.retry_seconds) == (Outcome.INTERRUPTED, 0.0)
    assert metrics.possible_duplicates._value.get() == before + 1


async def test_an_interrupted_call_without_another_attempt_is_not_retried() -> None:
    bench = Bench()
    flight = await bench.calling(retry=ONCE)
    bench.dispatcher.abort(flight, Abort.INTERRUPTED)
    assert (await bench.ledger.last()).retry_seconds is None


async def test_an_interrupted_call_that_had_sent_nothing_is_given_back() -> None:
    bench = Bench()
    bench.sender.writes = False
    flight = await bench.calling(retry=ONCE)
    bench.dispatcher.abort(flight, Abort.INTERRUPTED)
    assert (await bench.ledger.last()).outcome is None


@pytest.mark.promise(4)
async def test_a_fenced_call_counts_as_an_attempt_so_that_the_next_one_has_a_new_number() -> None:
    bench = Bench()
    flight = await bench.calling()
    bench.dispatcher.abort(flight, Abort.FENCED)
    settled = await bench.ledger.last()
    assert (settled.outcome, settled.bytes_sent) == (Outcome.INTERRUPTED, 100)


async def test_an_expired_job_is_blocked_and_not_sent() -> None:
    bench = Bench()
    bench.fly(expires_at=NOW)
    settled = await bench.ledger.last()
    assert (settled.outcome, settled.error_code, settled.retry_seconds) == (Outcome.BLOCKED, "expired", None)
    assert bench.sender.requests == []


async def test_a_timeout_is_retried() -> None:
    bench = Bench()
    bench.sender.reply = Failure(FailureCode.TIMEOUT, "Too late.", bytes_sent=100)
    bench.fly()
    settled = await bench.ledger.last()
    assert (settled.outcome, settled.error_code, settled.bytes_sent) == (Outcome.TIMED_OUT, "timeout", 100)
    assert settled.retry_seconds is not None


async def test_the_last_attempt_is_not_retried() -> None:
    bench = Bench()
    bench.sender.reply = response(503)
    bench.fly(retry=ONCE)
    settled = await bench.ledger.last()
    assert (settled.outcome, settled.retry_seconds) == (Outcome.FAILED, None)


async def test_a_fault_of_our_own_is_an_internal_error_and_is_retried() -> None:
    bench = Bench()
    bench.sender.reply = ZeroDivisionError()
    bench.fly()
    settled = await bench.ledger.last()
    assert (settled.outcome, settled.error_code, settled.bytes_sent) == (
        Outcome.FAILED,
        "internal_error",
        100,
    )
    assert settled.retry_seconds is not None


async def test_a_database_that_cannot_be_asked_for_the_keys_burns_no_attempt() -> None:
    bench = Bench()
    bench.secrets.answer = asyncpg.ConnectionDoesNotExistError("gone")
    bench.fly(retry=ONCE)
    settled = await bench.ledger.last()
    assert (settled.outcome, bench.sender.requests) == (None, [])


async def test_a_secret_that_does_not_open_is_an_internal_error_of_its_own_job() -> None:
    bench = Bench()
    bench.secrets.answer = SealBroken("no")
    bench.fly()
    assert (await bench.ledger.last()).error_code == "internal_error"


async def test_secret_headers_are_opened_for_the_call() -> None:
    bench = Bench()
    tenant = lease().tenant_id
    sealed = KEYRING.seal(b'{"authorization":"Bearer x"}', context=header_context(tenant))
    bench.fly(sealed_headers=sealed)
    await bench.ledger.last()
    assert ("authorization", "Bearer x") in headers_of(bench.sender.requests[0])


async def test_the_deadline_is_the_timeout() -> None:
    bench = Bench()
    began = asyncio.get_running_loop().time()
    bench.fly(timeout_seconds=7)
    await bench.ledger.last()
    assert 7 <= bench.sender.deadlines[0] - began < 8


async def test_the_deadline_is_never_later_than_the_leases() -> None:
    bench = Bench()
    began = asyncio.get_running_loop().time()
    bench.fly(timeout_seconds=30, deadline_at=NOW + 4)
    await bench.ledger.last()
    assert bench.sender.deadlines[0] - began < 5


async def test_a_call_that_is_told_of_twice_is_settled_once() -> None:
    bench = Bench()
    flight = await bench.calling()
    assert flight.call is not None
    end = flight.call.done
    end(response(200))
    end(response(500))
    assert [one.status for one in bench.ledger.settled] == [200]


async def test_an_abort_after_the_answer_changes_nothing() -> None:
    bench = Bench()
    flight = bench.fly()
    await bench.ledger.last()
    bench.dispatcher.abort(flight, Abort.CANCELLED)
    assert [one.outcome for one in bench.ledger.settled] == [Outcome.SUCCEEDED]


@pytest.mark.parametrize(
    ("why", "left"), [(Abort.INTERRUPTED, True), (Abort.FENCED, True), (Abort.CANCELLED, False)]
)
async def test_code_may_go_on_without_us_unless_its_job_was_cancelled(why: Abort, left: bool) -> None:
    bench = Bench()
    flight = await bench.calling(needs=Needs.KUBERNETES)
    bench.dispatcher.abort(flight, why)
    await bench.ledger.last()
    assert bench.runner.left == [left]
