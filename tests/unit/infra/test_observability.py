"""Dashboards and alerts: committed as written, on metrics that exist, each alert explained and tested."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.generator.metrics import declared
from docs.generator.pages import ROOT
from infra.observability.dashboards.__main__ import ALL, files

_FOLDER = ROOT / "infra" / "observability" / "prometheus"
_METRIC = re.compile(r"\bnoonmark_[a-z_]+\b")
_RECORDED = re.compile(r"\bnoonmark:[a-z0-9_:]+\b")


def rules(name: str) -> list[dict[str, Any]]:
    document = yaml.safe_load((_FOLDER / "rules" / name).read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


ALERTS = rules("alerts.yml")
RUNBOOK = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def known() -> set[str]:
    """The names of all series that our processes show."""
    names: set[str] = set()
    for metric in declared().values():
        (family,) = metric.describe()
        more = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
        names |= {f"{family.name}{suffix}" for suffix in more}
    return names


def asked() -> set[str]:
    """Every expression of a panel, a recording rule or an alert."""
    panels = {query.expr for dashboard in ALL for panel in dashboard.panels for query in panel.queries}
    return panels | {rule["expr"] for rule in [*rules("recording.yml"), *ALERTS]}


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_a_dashboard_is_committed_as_it_is_written(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == files()[path], "write it anew: make dashboards"


def test_no_dashboard_is_left_over() -> None:
    folder = next(iter(files())).parent
    assert set(folder.glob("*.json")) == set(files())


def test_nothing_is_asked_for_that_no_process_shows() -> None:
    assert {name for expr in asked() for name in _METRIC.findall(expr)} <= known()


def test_what_rules_record_is_recorded() -> None:
    recorded = {rule["record"] for rule in rules("recording.yml")}
    assert {name for expr in asked() for name in _RECORDED.findall(expr)} <= recorded


def test_nearly_every_metric_is_looked_at() -> None:
    looked = {name for expr in asked() for name in _METRIC.findall(expr)}
    unseen = {name for name in known() if not name.endswith(("_sum", "_count", "_bucket"))} - looked
    assert unseen == set()


def test_panels_stand_beside_each_other_and_say_what_they_are_for() -> None:
    for content in files().values():
        panels = json.loads(content)["panels"]
        places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
        assert len(set(places)) == len(panels)
        assert all(panel["description"] and panel["targets"] for panel in panels)
        assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_says_how_bad_it_is_and_leads_to_what_to_do(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in ("page", "ticket")
    assert alert["annotations"]["summary"]
    name = alert["alert"]
    assert alert["annotations"]["runbook"] == f"docs/operations.md#{name.lower()}"
    section = RUNBOOK.split(f"\n### {name}\n")[1].split("\n### ")[0]
    for part in ("**Symptom**", "**Query**", "**Action**"):
        assert part in section


def test_no_alert_is_explained_that_is_none() -> None:
    assert set(re.findall(r"^### (Noonmark\w+)$", RUNBOOK, re.MULTILINE)) == {one["alert"] for one in ALERTS}


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    cases = yaml.safe_load((_FOLDER / "tests" / "alerts.yml").read_text(encoding="utf-8"))["tests"]
    names = {case["name"] for case in cases}
    for alert in ALERTS:
        assert {f"{alert['alert']} fires", f"{alert['alert']} is quiet"} <= names
    for case in cases:
        [check] = case["promql_expr_test"]
        assert bool(check["exp_samples"]) == case["name"].endswith(" fires")
