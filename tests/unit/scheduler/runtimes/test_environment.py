"""The variables that every attempt gets."""

from pathlib import Path
from uuid import UUID

import pytest

from scheduler.runtimes import environment
from scheduler.runtimes.runtime import Order

_JOB = UUID(int=7)


def _order(*, params: bytes = b"null", given: dict[str, str] | None = None) -> Order:
    return Order(
        job_id=_JOB,
        attempt=2,
        lease_token=UUID(int=8),
        tenant_id=UUID(int=9),
        environment=given or {},
        params=params,
        folder=Path("attempt"),
    )


def test_every_attempt_knows_itself() -> None:
    assert environment.variables(_order(params=b'{"a":1}'), "/inside/out") == {
        "NOONMARK_JOB_ID": str(_JOB),
        "NOONMARK_ATTEMPT": "2",
        "NOONMARK_OUTPUT_DIR": "/inside/out",
        "NOONMARK_PARAMS": '{"a":1}',
    }


def test_what_a_job_gives_itself_is_there_too() -> None:
    assert environment.variables(_order(given={"COLOUR": "red"}), "out")["COLOUR"] == "red"


def test_no_job_can_pretend_to_be_another() -> None:
    given = {"NOONMARK_JOB_ID": "other", "NOONMARK_PARAMS": "other"}
    told = environment.variables(_order(given=given), "out")
    assert (told["NOONMARK_JOB_ID"], told["NOONMARK_PARAMS"]) == (str(_JOB), "null")


@pytest.mark.parametrize(("more", "fits"), [(0, True), (1, False)])
def test_params_are_given_if_a_system_can_take_them(more: int, fits: bool) -> None:
    largest = 128 * 1024 - len("NOONMARK_PARAMS=\0")
    params = b'"' + b"x" * (largest - 2 + more) + b'"'
    told = environment.variables(_order(params=params, given={"NOONMARK_PARAMS": "stale"}), "out")
    assert ("NOONMARK_PARAMS" in told) is fits
