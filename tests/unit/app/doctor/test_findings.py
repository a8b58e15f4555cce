"""What a look at the installation means."""

from typing import Any

import msgspec
import pytest

from app.doctor.findings import findings, worst
from app.doctor.schemas import Finding, Verdict
from app.doctor.store import Look
from core.schema import EXPECTED

HEALTHY = Look(
    clock=0.0,
    revision=EXPECTED,
    alive=2,
    draining=0,
    lost=0,
    beat_age=1.0,
    oldest_ready=0.1,
    overdue_timer=0.0,
    oldest_transaction=0.0,
    oldest_mail=0.0,
    mails=0,
    days_ahead=8,
)


def examined(**given: Any) -> dict[str, Finding]:
    measured = {"latency": given.pop("latency", 0.001), "skew": given.pop("skew", 0.0)}
    return {one.name: one for one in findings(msgspec.structs.replace(HEALTHY, **given), **measured)}


def test_a_healthy_installation_has_no_trouble() -> None:
    found = list(examined().values())
    assert worst(found) is Verdict.FINE
    assert {one.trouble for one in found} == {None}


@pytest.mark.parametrize(
    ("name", "given", "verdict"),
    [
        ("database_latency_seconds", {"latency": 0.2}, "warning"),
        ("database_latency_seconds", {"latency": 2.0}, "failing"),
        ("schema", {"revision": "0000"}, "failing"),
        ("live_replicas", {"alive": 0}, "failing"),
        ("live_replicas", {"alive": 0, "draining": 1}, "failing"),
        ("live_replicas", {"lost": 1}, "warning"),
        ("last_beat_age_seconds", {"beat_age": 40.0}, "failing"),
        ("oldest_ready_age_seconds", {"oldest_ready": 20.0}, "warning"),
        ("overdue_timer_seconds", {"overdue_timer": 90.0}, "failing"),
        ("oldest_transaction_seconds", {"oldest_transaction": 100.0}, "warning"),
        ("oldest_mail_age_seconds", {"oldest_mail": 100.0}, "warning"),
        ("days_of_history_ahead", {"days_ahead": 0}, "failing"),
        ("days_of_history_ahead", {"days_ahead": 2}, "warning"),
        ("clock_skew_seconds", {"skew": -5.0}, "warning"),
        ("clock_skew_seconds", {"skew": 90.0}, "failing"),
    ],
)
def test_what_is_wrong_is_named(name: str, given: dict[str, Any], verdict: str) -> None:
    found = examined(**given)
    assert found[name].verdict == verdict
    assert found[name].trouble
    assert found[name].advice
    assert worst(list(found.values())) == verdict
    assert [one.name for one in found.values() if one.trouble] == [name]


def test_a_fleet_that_never_beat_has_no_age() -> None:
    assert examined(beat_age=None)["last_beat_age_seconds"] == Finding(
        "last_beat_age_seconds", Verdict.FINE, None
    )
