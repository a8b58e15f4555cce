"""What the database's set-up and our settings mean."""

from typing import Any

import msgspec
import pytest

from app.doctor.conditions import of_capabilities, of_server, of_settings
from app.doctor.schemas import Finding, Verdict
from app.doctor.store import Server
from core.capabilities import Capabilities
from core.settings import Settings

GOOD = Server(
    version=17,
    in_recovery=False,
    off=[],
    connections=0.1,
    frozen_age=1000,
    horizon_age=10,
    dead_rows=500,
    astray=False,
)
SETTINGS = Settings(database_url="postgresql://x", public_url="https://api.example.com", resend_api_key="k")


def of(**given: Any) -> dict[str, Finding]:
    return {one.name: one for one in of_server(msgspec.structs.replace(GOOD, **given))}


def told(**given: Any) -> dict[str, Finding]:
    return {one.name: one for one in of_settings(msgspec.structs.replace(SETTINGS, **given))}


def test_a_database_that_is_set_up_well_has_no_trouble() -> None:
    assert {one.verdict for one in [*of().values(), *told().values()]} == {Verdict.FINE}


@pytest.mark.parametrize(
    ("name", "given", "verdict"),
    [
        ("postgresql_version", {"version": 14}, "failing"),
        ("database_writable", {"in_recovery": True}, "failing"),
        ("durable_commits", {"off": ["synchronous_commit"]}, "failing"),
        ("durable_commits", {"off": ["fsync", "full_page_writes"]}, "failing"),
        ("autovacuum", {"off": ["autovacuum"]}, "failing"),
        ("connections_used_ratio", {"connections": 0.9}, "warning"),
        ("connections_used_ratio", {"connections": 0.99}, "failing"),
        ("frozen_age_transactions", {"frozen_age": 6 * 10**8}, "warning"),
        ("horizon_age_transactions", {"horizon_age": 2 * 10**6}, "warning"),
        ("dead_rows", {"dead_rows": 300_000}, "warning"),
        ("history_astray", {"astray": True}, "warning"),
    ],
)
def test_what_is_wrong_with_the_database_is_named_with_what_to_do(
    name: str, given: dict[str, Any], verdict: str
) -> None:
    found = of(**given)
    assert (found[name].verdict, bool(found[name].trouble), bool(found[name].advice)) == (verdict, True, True)
    assert [one.name for one in found.values() if one.trouble] == [name]


def test_what_is_not_used_is_told_with_what_it_costs_and_is_no_fault() -> None:
    found = of_capabilities(Capabilities(notify=False, partitions=False), "notify")
    assert {one.verdict for one in found} == {Verdict.FINE}
    notify, locks, partitions = found
    assert (notify.name, notify.value) == ("uses_notify", 0)
    assert (notify.trouble or "").startswith("forced off by NOONMARK_WITHOUT: ")
    assert (locks.name, locks.value, locks.trouble) == ("uses_advisory_locks", 1, None)
    assert (partitions.name, partitions.value) == ("uses_partitions", 0)
    assert (partitions.trouble or "").startswith("this database has none: ")


@pytest.mark.parametrize(
    ("name", "given", "verdict"),
    [
        ("mail_service", {"resend_api_key": None}, "failing"),
        ("public_url", {"public_url": "http://api.example.com"}, "warning"),
        ("egress_ranges_allowed", {"egress_allow": "10.0.0.0/8,169.254.0.0/16"}, "warning"),
        ("egress_ranges_allowed", {"egress_allow": "::/0"}, "warning"),
    ],
)
def test_what_is_wrong_with_the_settings_is_named_with_what_to_do(
    name: str, given: dict[str, Any], verdict: str
) -> None:
    found = told(**given)[name]
    assert (found.verdict, bool(found.trouble), bool(found.advice)) == (verdict, True, True)


def test_ranges_that_an_operator_allows_are_counted_and_not_told() -> None:
    found = told(egress_allow="10.1.0.0/16,192.168.7.0/24")["egress_ranges_allowed"]
    assert (found.verdict, found.value, found.trouble) == ("fine", 2, None)


def test_a_developer_needs_neither_mail_nor_tls() -> None:
    found = told(env="development", resend_api_key=None, public_url="http://127.0.0.1:8080")
    assert {one.verdict for one in found.values()} == {Verdict.FINE}
