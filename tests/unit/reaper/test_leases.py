"""What a lost attempt is settled as."""

from typing import Any
from uuid import uuid4

import pytest

from core.jobs.model import Expired, Outcome
from reaper.leases import lost

POLICY = '{"max_attempts":4,"base_seconds":30,"max_seconds":3600,"jitter":0}'


def expired(**given: Any) -> Expired:
    defaults: dict[str, Any] = {
        "job_id": uuid4(),
        "attempt": 1,
        "lease_token": uuid4(),
        "losses": 0,
        "held_seconds": 20.0,
        "retry": POLICY,
        "request_id": "r",
        "expires_in": None,
    }
    return Expired(**(defaults | given))


def wait(**given: Any) -> float | None:
    return lost(expired(**given)).retry_seconds


def test_it_carries_the_leases_own_fence() -> None:
    lease = expired(attempt=3)
    settled = lost(lease)
    assert (settled.job_id, settled.attempt, settled.lease_token) == (lease.job_id, 3, lease.lease_token)
    assert (settled.outcome, settled.error_code, settled.request_id) == (Outcome.LOST, "replica_lost", "r-3")


def test_the_first_loss_comes_back_within_five_seconds() -> None:
    waits = [wait() for _ in range(200)]
    assert all(seconds is not None and 0 <= seconds <= 5 for seconds in waits)


def test_the_second_loss_in_a_row_waits_as_the_policy_says() -> None:
    assert wait(attempt=2, losses=1) == 60.0


@pytest.mark.promise(3)
def test_a_job_with_one_attempt_is_not_tried_again() -> None:
    assert wait(retry='{"max_attempts":1}') is None


def test_the_last_attempt_is_not_followed_by_another() -> None:
    assert wait(attempt=4) is None


def test_a_job_that_would_expire_before_its_next_attempt_gets_none() -> None:
    assert wait(attempt=2, losses=1, expires_in=60.0) is None
    assert wait(attempt=2, losses=1, expires_in=60.1) == 60.0
