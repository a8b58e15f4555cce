"""What `make up` starts, from what the environment says."""

from pathlib import Path

from local import plan
from local.plan import Plan

_PLAN = Plan(folder=Path("/data"), port=8080, schedulers=2, metrics_ports=[8090, 8091, 8092], drain_seconds=5)


def _environment(**given: str) -> dict[str, str]:
    return plan.environment(_PLAN, given, {"NOONMARK_JWT_SECRET": "made"}, "postgresql://here")


def test_the_api_every_replica_and_the_reaper_are_started() -> None:
    assert [one.name for one in plan.servers(_PLAN, {})] == ["app", "scheduler-1", "scheduler-2", "reaper"]


def test_only_the_api_waits_for_those_who_call_it_to_stop_first() -> None:
    assert [one.name for one in plan.servers(_PLAN, {}) if one.is_called] == ["app"]


def test_each_quiet_server_has_a_metrics_port_of_its_own() -> None:
    ports = [one.environment.get("NOONMARK_METRICS_PORT") for one in plan.servers(_PLAN, {})]
    assert ports == [None, "8090", "8091", "8092"]


def test_a_server_without_a_metrics_port_is_not_asked_whether_it_serves() -> None:
    off = Plan(folder=Path("/data"), port=8080, schedulers=1, metrics_ports=[0, 0], drain_seconds=5)
    assert [one.ready for one in plan.servers(off, {})] == ["http://127.0.0.1:8080/readyz", None, None]


def test_loopback_may_be_called_and_mails_are_shown() -> None:
    environment = _environment()
    assert environment["NOONMARK_ENV"] == "development"
    assert environment["NOONMARK_EGRESS_ALLOW"] == "127.0.0.0/8,::1/128"


def test_what_somebody_chose_stays() -> None:
    environment = _environment(PUBLIC_URL="https://jobs.example", NOONMARK_EGRESS_ALLOW="10.0.0.0/8")
    assert environment["PUBLIC_URL"] == "https://jobs.example"
    assert environment["NOONMARK_EGRESS_ALLOW"] == "10.0.0.0/8"


def test_development_is_never_production() -> None:
    assert _environment(NOONMARK_ENV="production")["NOONMARK_ENV"] == "development"


def test_the_secrets_that_were_made_reach_the_servers() -> None:
    assert _environment()["NOONMARK_JWT_SECRET"] == "made"


def test_a_stop_waits_longer_than_a_drain() -> None:
    assert _PLAN.stop_seconds > _PLAN.drain_seconds
