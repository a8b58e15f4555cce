"""What a dashboard is made of, and its JSON as Grafana takes it.

Queries are PromQL; `$__rate_interval` is Grafana's own. Every metric is asked for by its name alone, whatever
a scrape job is called, so that the same panels serve compose and Kubernetes.
"""

from enum import StrEnum
from typing import Any

import msgspec

_COLUMNS = 24
_HEIGHT = 8
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


class Unit(StrEnum):
    """Grafana's names of units."""

    COUNT = "short"
    SECONDS = "s"
    RATE = "ops"
    RATIO = "percentunit"
    BYTES = "bytes"


class Query(msgspec.Struct, frozen=True):
    """One or more lines of a panel."""

    expr: str
    legend: str = ""
    exemplars: bool = False
    """Whether its values name traces."""


class Panel(msgspec.Struct, frozen=True):
    """A picture with a title, and a sentence on what it is good for."""

    title: str
    says: str
    queries: tuple[Query, ...]
    unit: Unit = Unit.COUNT
    kind: str = "timeseries"
    width: int = 8
    alarm: float | None = None
    """From here on it is red."""


class Dashboard(msgspec.Struct, frozen=True):
    """Panels, in rows from left to right."""

    uid: str
    title: str
    panels: tuple[Panel, ...]


def render(dashboard: Dashboard) -> str:
    """Its JSON, the same for the same dashboard."""
    document = {
        "uid": f"noonmark-{dashboard.uid}",
        "title": f"Noonmark: {dashboard.title}",
        "tags": ["noonmark"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "timezone": "browser",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [_variable()]},
        "annotations": {"list": []},
        "panels": _placed(dashboard.panels),
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def _variable() -> dict[str, Any]:
    """Which Prometheus is asked."""
    return {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "hide": 0,
        "refresh": 1,
    }


def _placed(panels: tuple[Panel, ...]) -> list[dict[str, Any]]:
    rendered, x, y = [], 0, 0
    for number, panel in enumerate(panels, 1):
        if x + panel.width > _COLUMNS:
            x, y = 0, y + _HEIGHT
        rendered.append(_panel(panel, number, {"x": x, "y": y, "w": panel.width, "h": _HEIGHT}))
        x += panel.width
    return rendered


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.alarm is not None:
        steps.append({"color": "red", "value": panel.alarm})
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.says,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "min": 0,
                "thresholds": {"mode": "absolute", "steps": steps},
            },
            "overrides": [],
        },
        "options": {
            "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []},
            "tooltip": {"mode": "multi", "sort": "none"},
        }
        if panel.kind == "timeseries"
        else {"colorMode": "value", "graphMode": "area", "reduceOptions": {"calcs": ["lastNotNull"]}},
        "targets": [_target(query, letter) for query, letter in zip(panel.queries, "ABCDEFGH", strict=False)],
    }


def _target(query: Query, letter: str) -> dict[str, Any]:
    return {
        "refId": letter,
        "datasource": _SOURCE,
        "expr": query.expr,
        "legendFormat": query.legend or "__auto",
        "exemplar": query.exemplars,
        "range": True,
    }
