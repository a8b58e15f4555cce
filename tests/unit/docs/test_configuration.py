"""Every setting and every metric is on its page, and is there for somebody."""

import re

import pytest

from core.settings import Settings, variable
from docs.generator import configuration, metrics, pages
from docs.generator.pages import ROOT

_SETTINGS = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
_TESTS = {
    "NOONMARK_CONTRACT_EXAMPLES",
    "NOONMARK_PG_BIN",
    "NOONMARK_TEST_CONTROL_PLANE",
    "NOONMARK_TEST_POOLER",
}
_CLIENT = {"NOONMARK_URL", "NOONMARK_TOKEN", "NOONMARK_WEBHOOK_SECRET"}
_CODE = {
    f"NOONMARK_{name}"
    for name in (
        *("JOB_ID", "ATTEMPT", "MAX_ATTEMPTS", "PARAMS", "OUTPUT_DIR"),
        *("CALLBACK_URL", "CALLBACK_TOKEN"),
    )
}
"""What the code of a job gets."""
_COMPOSE = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))
_METRICS = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("field", Settings.__struct_fields__)
def test_a_setting_is_documented(field: str) -> None:
    assert f"| `{variable(field)}` |" in _SETTINGS


@pytest.mark.parametrize("name", metrics.declared())
def test_a_metric_is_documented(name: str) -> None:
    (family,) = metrics.declared()[name].describe()
    assert f"| `{family.name}" in _METRICS


def test_every_variable_in_the_pages_is_somebodys() -> None:
    known = {variable(field) for field in Settings.__struct_fields__} | _TESTS | _CLIENT | _CODE | _COMPOSE
    texts = [path.read_text(encoding="utf-8") for path in pages.paths()]
    named = {name for text in texts for name in re.findall(r"NOONMARK_[A-Z_]+", text)}
    assert named <= known


def test_a_row_says_value_default_and_reader() -> None:
    table = configuration.table(ROOT)
    assert "| `PORT` | 0 to 65535 | `8080` | API, `make up` | Port of the API. |\n" in table
    assert "| `NOONMARK_POOLED` | `true` or `false` | `false` | API |" in table


def test_a_counter_is_listed_under_the_name_it_is_scraped_by() -> None:
    row = "| `noonmark_attempts_total` | counter | `outcome` | scheduler, reaper | Finished attempts. |\n"
    assert row in metrics.table(ROOT)
