"""Every query of every panel and every rule, asked of a real Prometheus that watches real processes."""

import subprocess
import time
from pathlib import Path

import pytest

from infra.observability.dashboards.__main__ import ALL
from tests.e2e.fleet import Fleet
from tests.e2e.processes import ROOT
from tests.e2e.scene import Scene
from tests.e2e.watching import RULES, Prometheus, alerting, scraping
from tests.e2e.work import Work
from tests.otlp import collecting
from tests.waiting import wait_until

pytestmark = [pytest.mark.heavy, pytest.mark.prometheus]

_FOLDER = ROOT / "infra" / "observability"


def queries() -> list[str]:
    return list(dict.fromkeys(q.expr for board in ALL for panel in board.panels for q in panel.queries))


def told(*command: str) -> str:
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


def test_the_rules_are_valid() -> None:
    assert "SUCCESS" in told("promtool", "check", "rules", *map(str, sorted(RULES.glob("*.yml"))))


def test_each_alert_fires_when_it_should_and_only_then() -> None:
    assert "SUCCESS" in told("promtool", "test", "rules", str(RULES.parent / "tests" / "alerts.yml"))


def test_what_compose_gives_to_prometheus_and_alertmanager_is_valid() -> None:
    for path in _FOLDER.glob("prometheus/prometheus.yml"):
        assert "SUCCESS" in told("promtool", "check", "config", "--syntax-only", str(path))
    for path in _FOLDER.glob("alertmanager/*.yml"):
        assert "SUCCESS" in told("amtool", "check-config", str(path))


@pytest.mark.timeout(300)
async def test_every_panel_and_every_rule_has_data_under_load(
    fleet: Fleet, work: Work, tmp_path: Path
) -> None:
    async with (
        collecting() as collector,
        Scene(fleet, work, tmp_path, collector.url) as scene,
        alerting(tmp_path) as (pager, alerts_to),
        scraping(tmp_path, scene.targets, alerts_to=alerts_to) as prometheus,
    ):
        began = time.time()
        await scene.begin()
        empty = [expr for expr in queries() if not await prometheus.values(_now(expr))]
        await wait_until(lambda: _reckoned(prometheus), within=30, what="every rule is well and has data")
        await wait_until(
            lambda: pager.firing("NoonmarkReplicaLost"),
            within=30,
            what="somebody is told of the lost replica",
        )
        lost = await prometheus.values('sum(noonmark_attempts_total{outcome="lost"})')
        named = await prometheus.exemplars("noonmark_first_byte_seconds_bucket", began, time.time())
    assert empty == []
    assert lost and lost[0] > 0
    [told_of, *_] = pager.firing("NoonmarkReplicaLost")
    assert told_of["annotations"]["runbook"] == "docs/operations.md#noonmarkreplicalost"
    assert {one["labels"]["trace_id"] for one in named} & {span.trace_id for span in collector.spans}


async def _reckoned(prometheus: Prometheus) -> bool:
    rules = await prometheus.rules()
    silent = [
        rule["name"]
        for rule in rules
        if rule["type"] == "recording" and not await prometheus.values(rule["name"])
    ]
    return bool(rules) and not silent and all(rule["health"] == "ok" for rule in rules)


def _now(expr: str) -> str:
    """As Grafana would ask with a scrape interval of a second."""
    return expr.replace("$__rate_interval", "30s")
