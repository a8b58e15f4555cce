"""`make dashboards`: write the JSON that Grafana is given."""

from pathlib import Path

from infra.observability.dashboards.api import API
from infra.observability.dashboards.database import DATABASE
from infra.observability.dashboards.engine import ENGINE
from infra.observability.dashboards.model import render
from infra.observability.dashboards.overview import OVERVIEW

ALL = (OVERVIEW, API, ENGINE, DATABASE)
FOLDER = Path(__file__).resolve().parents[1] / "grafana" / "dashboards"


def files() -> dict[Path, str]:
    """Each file and what it holds."""
    return {FOLDER / f"{one.uid}.json": render(one) for one in ALL}


def main() -> None:
    for path, content in files().items():
        path.write_text(content)


if __name__ == "__main__":
    main()
