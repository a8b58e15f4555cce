"""The judge itself: it must go red for each thing that it is there to find."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec

from tests.e2e import history
from tests.e2e.history import Attempt, Ending, Fault, History, Promise
from tests.e2e.ledger import Arrival, Arrived, Instant, Signature

_JOB = uuid4()
_REPLICA = uuid4()
_NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
_PROMISE = Promise(id=_JOB, path="/group/key", method="POST", body_sha256="sha", max_attempts=4)


def test_one_job_delivered_once_is_a_good_history() -> None:
    report = history.check(_history())
    assert report.complaints == []
    assert (report.acked, report.delivered, report.lost, report.duplicates) == (1, 1, 0, 0)


def test_nothing_acknowledged_proves_nothing() -> None:
    assert "vacuous" in _only(promises=(), arrivals=())


def test_a_fault_that_struck_nothing_proves_nothing() -> None:
    assert "vacuous" in _only(faults=[Fault("kill -9", frozenset())])


def test_one_of_many_random_faults_may_strike_nothing() -> None:
    assert history.check(_history(faults=[Fault("kill -9", frozenset(), sure=False)])).complaints == []


def test_an_acknowledged_job_that_is_not_stored_is_lost() -> None:
    empty = _database(fire_at={}, places=[], endings={}, attempts=[], final_events=[])
    assert history.check(_history(database=empty)).lost == 1


def test_a_job_that_has_not_ended_is_lost() -> None:
    waiting = _database(places=[(_JOB, "timers")], endings={}, final_events=[])
    assert history.check(_history(database=waiting)).lost == 1


def test_a_job_that_stands_in_two_places_is_found() -> None:
    assert "stands in" in _only(database=_database(places=[(_JOB, "timers"), (_JOB, "endings")]))


def test_a_second_delivery_without_a_fault_is_found() -> None:
    report = history.check(_twice())
    assert report.duplicates == 1
    assert any("no fault struck attempt 1" in complaint for complaint in report.complaints)


def test_a_second_delivery_is_excused_by_a_fault_that_struck_that_very_attempt() -> None:
    assert history.check(_twice(Fault("kill -9", frozenset({(_JOB, 1)})))).complaints == []


def test_a_fault_that_struck_another_attempt_excuses_nothing() -> None:
    assert history.check(_twice(Fault("kill -9", frozenset({(uuid4(), 1)})))).complaints != []


def test_a_target_that_hangs_up_is_its_own_excuse() -> None:
    hung_up = msgspec.structs.replace(_arrival(1, status=None), dropped_on_purpose=True)
    attempts = [_attempt(1, outcome="failed"), _attempt(2)]
    report = history.check(_history(arrivals=[hung_up, _arrival(2)], database=_database(attempts=attempts)))
    assert (report.duplicates, report.complaints) == (1, [])


def test_a_target_that_exceeds_its_deadline_is_its_own_excuse() -> None:
    attempts = [_attempt(1, outcome="timed_out"), _attempt(2)]
    arrivals = [_arrival(1, status=None), _arrival(2)]
    report = history.check(_history(arrivals=arrivals, database=_database(attempts=attempts)))
    assert (report.duplicates, report.complaints) == (1, [])


def test_a_retry_after_an_answered_failure_is_no_duplicate() -> None:
    attempts = [_attempt(1, outcome="failed"), _attempt(2)]
    arrivals = [_arrival(1, status=503), _arrival(2)]
    report = history.check(_history(arrivals=arrivals, database=_database(attempts=attempts)))
    assert (report.duplicates, report.complaints) == (0, [])


def test_a_success_that_the_target_never_gave_is_found() -> None:
    assert "never said so" in _only(arrivals=[_arrival(1, status=500)])


def test_an_answer_that_was_not_written_in_full_is_no_evidence() -> None:
    assert "never said so" in _only(arrivals=[_arrival(1, status=None)])


def test_another_attempt_after_a_success_is_found() -> None:
    attempts = [_attempt(1), _attempt(2)]
    report = history.check(_twice(Fault("freeze", frozenset({(_JOB, 1)})), attempts=attempts))
    assert report.rewritten == 1


def test_an_ending_that_changed_after_it_was_seen_is_found() -> None:
    seen = msgspec.structs.replace(_ending(), finished_at=_NOON - timedelta(seconds=1))
    assert history.check(_history(sightings=[seen])).rewritten == 1


def test_two_final_events_of_one_job_are_found() -> None:
    twice = _database(final_events=[(_JOB, "failed"), (_JOB, "succeeded")])
    assert history.check(_history(database=twice)).rewritten == 1


def test_a_gap_in_the_attempts_is_found() -> None:
    report = history.check(_history(database=_database(attempts=[_attempt(1, outcome="lost"), _attempt(3)])))
    assert any("has the attempts [1, 3]" in complaint for complaint in report.complaints)


def test_more_attempts_than_allowed_are_found() -> None:
    once = msgspec.structs.replace(_PROMISE, max_attempts=1)
    attempts = [_attempt(1, outcome="failed"), _attempt(2)]
    arrivals = [_arrival(1, status=503), _arrival(2)]
    given = _history(promises=[once], arrivals=arrivals, database=_database(attempts=attempts))
    assert history.check(given).complaints != []


def test_two_attempts_under_one_lease_are_found() -> None:
    token = uuid4()
    attempts = [_attempt(1, outcome="failed", lease_token=token), _attempt(2, lease_token=token)]
    arrivals = [_arrival(1, status=503), _arrival(2)]
    assert "under one lease" in _only(arrivals=arrivals, database=_database(attempts=attempts))


def test_a_delivery_with_another_id_is_found() -> None:
    assert "arrived as" in _only(arrivals=[_arrival(1, message_id=str(uuid4()))])


def test_a_delivery_with_another_body_is_found() -> None:
    assert "arrived as" in _only(arrivals=[_arrival(1, body_sha256="other")])


def test_a_delivery_with_a_bad_signature_is_found() -> None:
    assert "signature" in _only(arrivals=[_arrival(1, signature=Signature.INVALID)])


def test_an_attempt_number_that_comes_twice_is_found() -> None:
    given = _history(arrivals=[_arrival(1, status=503), _arrival(1)])
    assert any("attempt numbers [1, 1]" in complaint for complaint in history.check(given).complaints)


def test_an_early_delivery_is_found() -> None:
    assert "early" in _only(database=_database(fire_at={_JOB: _NOON.timestamp() + 0.001}))


def test_a_request_that_nobody_asked_for_is_found() -> None:
    assert "nobody asked for" in _only(arrivals=[_arrival(1), _arrival(1, path="/group/other")])


def test_a_read_that_differs_from_the_database_is_found() -> None:
    assert "reads running" in _only(reads={_JOB: "running"})


def test_a_failed_job_without_a_dead_letter_is_found() -> None:
    failed = _database(
        endings={_JOB: _ending(state="failed")},
        attempts=[_attempt(1, outcome="failed")],
        final_events=[(_JOB, "failed")],
    )
    assert "dead letter" in _only(arrivals=[_arrival(1, status=400)], database=failed)


def _only(**given: Any) -> str:
    [complaint] = history.check(_history(**given)).complaints
    return complaint


def _history(**given: Any) -> History:
    database = given.pop("database", None) or _database()
    return History(**{"promises": [_PROMISE], "arrivals": [_arrival(1)], "database": database, **given})


def _twice(*faults: Fault, attempts: list[Attempt] | None = None) -> History:
    """The target said yes twice."""
    database = _database(attempts=attempts or [_attempt(1, outcome="lost"), _attempt(2)])
    return _history(arrivals=[_arrival(1), _arrival(2)], faults=faults, database=database)


def _database(**given: Any) -> history.Database:
    attempts = given.get("attempts", [_attempt(1)])
    return history.Database(
        **{
            "fire_at": {_JOB: _NOON.timestamp() - 1},
            "places": [(_JOB, "endings")],
            "endings": {_JOB: _ending(attempts=len(attempts))},
            "attempts": attempts,
            "final_events": [(_JOB, "succeeded")],
            "dead_letters": set(),
            **given,
        }
    )


def _ending(state: str = "succeeded", attempts: int = 1) -> Ending:
    return Ending(_JOB, state, attempts, None, _NOON)


def _attempt(number: int, *, outcome: str = "succeeded", lease_token: UUID | None = None) -> Attempt:
    return Attempt(_JOB, number, outcome, lease_token or uuid4(), _REPLICA, 100, None, _NOON)


def _arrival(attempt: int, *, status: int | None = 200, **given: Any) -> Arrival:
    at = Instant(float(attempt), _NOON.timestamp() + attempt - 1)
    arrived: dict[str, Any] = {
        "number": attempt,
        "at": at,
        "path": _PROMISE.path,
        "method": "POST",
        "message_id": str(_JOB),
        "idempotency_key": str(_JOB),
        "attempt": attempt,
        "body_sha256": "sha",
        "authorization_sha256": "",
        "signature": Signature.VALID,
    }
    return Arrival(Arrived(**(arrived | given)), status=status, dropped=status is None, over=at)
