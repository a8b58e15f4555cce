"""Settings are checked before anything starts, and a wrong one is named."""

import base64
from collections.abc import Mapping

import pytest

from core.errors import SettingError
from core.settings import load

DSN = {"DATABASE_URL": "postgresql://u@127.0.0.1/d"}
KEY = base64.b64encode(b"k" * 32).decode()


def fault(environ: Mapping[str, str], *need: str) -> str:
    with pytest.raises(SettingError) as caught:
        load({**DSN, **environ}, need=need)
    return str(caught.value)


def test_the_database_alone_is_enough() -> None:
    assert load(DSN).concurrency == 512


def test_without_a_database_the_variable_is_named() -> None:
    with pytest.raises(SettingError, match="DATABASE_URL"):
        load({})


def test_what_a_process_needs_is_named_when_it_is_missing() -> None:
    assert "NOONMARK_MASTER_KEYS" in fault({}, "master_keys")


def test_an_empty_variable_is_not_set() -> None:
    assert "NOONMARK_MASTER_KEYS" in fault({"NOONMARK_MASTER_KEYS": ""}, "master_keys")
    assert load({**DSN, "NOONMARK_CONCURRENCY": ""}).concurrency == 512


def test_numbers_and_switches_are_read() -> None:
    settings = load({**DSN, "NOONMARK_CONCURRENCY": "9", "NOONMARK_POOLED": "true", "PORT": "0"})
    assert (settings.concurrency, settings.pooled, settings.port) == (9, True, 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NOONMARK_CONCURRENCY", "0"),
        ("NOONMARK_CONCURRENCY", "many"),
        ("NOONMARK_ENV", "staging"),
        ("NOONMARK_BEAT_SECONDS", "-1"),
        ("NOONMARK_DRAIN_SECONDS", "-0.1"),
        ("NOONMARK_JWT_SECRET", "short"),
        ("NOONMARK_ADMIN_SECRET", "short"),
        ("NOONMARK_CORS_ORIGINS", "*"),
        ("NOONMARK_WITHOUT", "notify,locks"),
        ("NOONMARK_CORS_ORIGINS", "https://app.example.com, null"),
        ("NOONMARK_CORS_ORIGINS", "https://app.example.com/"),
        ("NOONMARK_CORS_ORIGINS", "https://App.example.com"),
        ("NOONMARK_ADMIN_SECRET", "with spaces in between, of 32 bytes and more"),
        ("NOONMARK_MASTER_KEYS", "a:notbase64!"),
        ("NOONMARK_MASTER_KEYS", "a:" + base64.b64encode(b"short").decode()),
        ("NOONMARK_EGRESS_ALLOW", "127.0.0.1/8"),
        ("NOONMARK_EGRESS_ALLOW", "everything"),
        ("NOONMARK_LOG_LEVEL", "loud"),
        ("PUBLIC_URL", "example.com"),
        ("PORT", "65536"),
    ],
)
def test_a_wrong_value_is_refused_by_name(name: str, value: str) -> None:
    assert name in fault({name: value})


def test_a_database_that_is_not_postgresql_is_refused() -> None:
    with pytest.raises(SettingError, match="DATABASE_URL"):
        load({"DATABASE_URL": "mysql://u:secret@h/d"})


@pytest.mark.promise(11)
@pytest.mark.parametrize(
    ("name", "value"),
    [("NOONMARK_JWT_SECRET", "hunter2"), ("NOONMARK_MASTER_KEYS", "a:hunter2"), ("DATABASE_URL", "hunter2")],
)
def test_a_wrong_secret_is_not_quoted(name: str, value: str) -> None:
    assert "hunter2" not in fault({name: value})


def test_a_lease_must_outlive_three_beats() -> None:
    assert "NOONMARK_LEASE_TTL_SECONDS" in fault({"NOONMARK_LEASE_TTL_SECONDS": "8"})
    assert load({**DSN, "NOONMARK_LEASE_TTL_SECONDS": "9"}).lease_ttl_seconds == 9


def test_several_master_keys_are_taken() -> None:
    assert load({**DSN, "NOONMARK_MASTER_KEYS": f"b:{KEY},a:{KEY}"}).master_keys == f"b:{KEY},a:{KEY}"
