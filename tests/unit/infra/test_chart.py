"""What the chart says is what the code does. How it renders is tested where helm is, in tests/infra."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from core.egress import addresses
from core.settings import load
from noonmark.version import VERSION

_CHART = Path(__file__).parents[3] / "infra" / "helm" / "noonmark"


def _values() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((_CHART / "values.yaml").read_text())
    return read


def _schema() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((_CHART / "values.schema.json").read_text())
    return read


def test_pods_are_kept_from_the_addresses_that_the_egress_guard_refuses() -> None:
    policy = _values()["networkPolicy"]
    assert set(policy["notPublicV4"]) == {str(block) for block in addresses._NOT_PUBLIC_V4}
    assert set(policy["notPublicV6"]) == {str(block) for block in addresses._NOT_PUBLIC_V6}
    assert str(addresses._GLOBAL_UNICAST_V6) in (_CHART / "templates" / "_networks.tpl").read_text()


def test_the_chart_installs_the_version_it_stands_beside() -> None:
    chart = yaml.safe_load((_CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == VERSION


def test_its_defaults_are_those_of_the_settings() -> None:
    values, settings = _values(), load({"DATABASE_URL": "postgresql://x"})
    assert values["settings"]["leaseTtlSeconds"] == settings.lease_ttl_seconds
    assert values["settings"]["beatSeconds"] == settings.beat_seconds
    assert values["settings"]["mailFrom"] == settings.mail_from
    assert values["scheduler"]["concurrency"] == settings.concurrency
    assert values["scheduler"]["drainSeconds"] == settings.drain_seconds


def test_its_defaults_need_nothing_but_an_address() -> None:
    validator = jsonschema.Draft7Validator(_schema())
    assert [error.json_path for error in validator.iter_errors(_values())] == ["$.publicUrl"]
    assert list(validator.iter_errors(_values() | {"publicUrl": "https://jobs.example.com"})) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("publicUrl", "https://example.com/jobs"),
        ("publicURL", "https://example.com"),
        ("settings.egressAllow", ["10.0.0.0"]),
        ("settings.logLevel", "verbose"),
        ("scheduler.concurrency", 0),
        ("scheduler.env", {"A B": "1"}),
        ("images.server.digest", "sha256:1"),
        ("server.disruption", {"minAvailable": 1, "maxUnavailable": 1}),
    ],
)
def test_a_value_that_is_wrong_is_refused_by_its_schema(path: str, value: object) -> None:
    values = _values() | {"publicUrl": "https://jobs.example.com"}
    *folders, name = path.split(".")
    place = values
    for folder in folders:
        place = place[folder]
    place[name] = value
    assert list(jsonschema.Draft7Validator(_schema()).iter_errors(values)) != []


def test_every_value_is_told_to_the_schema() -> None:
    assert list(_unknown(_values(), _schema(), "")) == []


def _unknown(values: dict[str, Any], schema: dict[str, Any], path: str) -> list[str]:
    """Paths of what stands in the defaults and is free in the schema, though it has a shape."""
    told = schema.get("properties", {})
    missing = [f"{path}{name}" for name in values if name not in told]
    below = [
        found
        for name, value in values.items()
        if isinstance(value, dict) and told.get(name, {}).get("properties")
        for found in _unknown(value, told[name], f"{path}{name}.")
    ]
    return missing + below
