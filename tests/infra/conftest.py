"""The chart as helm renders it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.infra.objects import Object
from tests.infra.tools import CHART, HELM, run

Render = Callable[..., list[Object]]
URL = {"publicUrl": "https://jobs.example.com"}


@pytest.fixture
def render(tmp_path: Path) -> Render:
    """Objects of a release `r` in the namespace `n`, with the given values laid over the defaults."""

    def rendered(values: dict[str, Any] | None = None, *, kubernetes: str = "1.33.0") -> list[Object]:
        file = tmp_path / "values.yaml"
        file.write_text(yaml.safe_dump(URL | (values or {})))
        told = ("--namespace=n", f"--values={file}", f"--kube-version={kubernetes}")
        printed = run(str(HELM), "template", "r", str(CHART), *told)
        return [each for each in yaml.safe_load_all(printed) if each is not None]

    return rendered
