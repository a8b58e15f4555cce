"""The page, the plots and the aims, from results alone."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import page, plots, results
from benchmarks.aims import AIMS
from benchmarks.figures import Flat
from benchmarks.plots import Bar

_FOUND: Flat = {
    "http_jobs_per_s": 10_000.0,
    "http_jobs_per_s_min": 9_000.0,
    "http_jobs_per_s_max": 11_000.0,
    "best_peer_http_jobs_per_s": 4_000.0,
    "peer_bullmq": "redis-server is missing",
    "peer_pgqueuer_http_jobs_per_s": 3_000.0,
    "machine_cores": 2.0,
    "measured_full_at": "2026-11-22T00:00:00+00:00",
}


def test_a_figure_stands_with_its_spread() -> None:
    assert "10,000 (9,000–11,000)" in page.rendered(_FOUND)


def test_a_peer_that_could_not_run_says_why() -> None:
    assert "not run: redis-server is missing" in page.rendered(_FOUND)


def test_what_was_not_measured_says_so() -> None:
    assert page.why_not("soak_rss_mb", _FOUND) == "not measured"


def test_an_aim_that_is_met_says_so() -> None:
    assert "| HTTP jobs/s to the best peer's | ≥ 2 | 2.5 | met |" in page.rendered(_FOUND)


def test_an_aim_that_is_missed_says_so() -> None:
    slow = _FOUND | {"http_jobs_per_s": 4_000.0}
    assert "| HTTP jobs/s to the best peer's | ≥ 2 | 1 | **missed** |" in page.rendered(slow)


@pytest.mark.parametrize("aim", AIMS, ids=lambda aim: aim.says)
def test_an_aim_without_figures_is_neither_met_nor_missed(aim: object) -> None:
    assert all(one.measured({}) is None for one in AIMS if one is aim)


def test_the_page_and_its_plots_are_written(tmp_path: Path) -> None:
    page.write(_FOUND, tmp_path)
    text = (tmp_path / "benchmarks.md").read_text()
    drawn = {path.name for path in (tmp_path / "benchmarks").iterdir()}
    assert text.startswith("# Benchmarks")
    assert drawn == set(re.findall(r"benchmarks/([a-z]+\.svg)", text))


def test_a_plot_is_an_svg_with_a_bar_for_each_value() -> None:
    drawn = plots.bars("Rates", "jobs/s", [Bar("ours", 2.0, 1.0, 3.0, ours=True), Bar("<theirs>", 1.0)])
    found = ElementTree.fromstring(drawn).findall("{http://www.w3.org/2000/svg}rect")
    assert len(found) == 2


def test_a_plot_of_nothing_is_still_an_svg() -> None:
    assert ElementTree.fromstring(plots.bars("Rates", "jobs/s", [])).tag.endswith("svg")


def test_a_run_leaves_the_figures_it_did_not_measure(tmp_path: Path) -> None:
    path = tmp_path / "results" / "latest.json"
    results.merge({"one": 1.0, "two": 2.0}, path)
    assert results.merge({"two": 3.0}, path) == {"one": 1.0, "two": 3.0}
    assert results.read(path) == {"one": 1.0, "two": 3.0}


def test_a_figure_and_its_spread_share_a_line() -> None:
    text = results.written({"rate": 2.0, "rate_max": 3.0, "rate_min": 1.0, "where": "here"})
    assert text == '{\n  "rate": 2.0, "rate_min": 1.0, "rate_max": 3.0,\n  "where": "here"\n}\n'


def test_there_are_no_results_before_the_first_run(tmp_path: Path) -> None:
    assert results.read(tmp_path / "latest.json") == {}
