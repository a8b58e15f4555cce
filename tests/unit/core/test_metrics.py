"""What all metrics have in common."""

from uuid import uuid4

import pytest
from prometheus_client import REGISTRY
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as plain_families

from core import metrics
from core.artifacts.model import Reason
from core.jobs.model import Outcome, State

_FEW = 256


def ours() -> dict[str, set[str]]:
    """The names of samples, and which labels they have."""
    found: dict[str, set[str]] = {}
    for family in REGISTRY.collect():
        for sample in family.samples:
            if sample.name.startswith("noonmark_"):
                found.setdefault(sample.name, set()).update(sample.labels)
    return found


def test_no_label_names_who_or_what_a_job_is_for() -> None:
    labels = set().union(*ours().values())
    assert not labels & {"tenant", "tenant_id", "job", "job_id", "queue", "queue_id", "url", "host", "email"}


def test_counters_show_every_value_of_their_label_from_the_start() -> None:
    for outcome in Outcome:
        assert REGISTRY.get_sample_value("noonmark_attempts_total", {"outcome": outcome}) is not None
    for reason in Reason:
        assert REGISTRY.get_sample_value("noonmark_artifacts_lost_total", {"reason": reason}) is not None
    for state in (State.SUCCEEDED, State.FAILED, State.CANCELLED):
        assert REGISTRY.get_sample_value("noonmark_jobs_ended_total", {"state": state}) is not None


def test_a_family_has_few_series() -> None:
    for family in REGISTRY.collect():
        assert len(family.samples) < _FEW, family.name


def test_both_formats_can_be_read_back() -> None:
    text, kind = metrics.render()
    assert kind.startswith("text/plain")
    plain = {family.name for family in plain_families(text.decode())}
    content, kind = metrics.render(
        "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
    )
    assert kind.startswith("application/openmetrics-text")
    families = {family.name for family in text_string_to_metric_families(content.decode())}
    assert "noonmark_lateness_seconds" in families & plain


def test_an_exemplar_names_the_trace_of_its_bucket() -> None:
    trace = uuid4().hex
    metrics.first_byte.exemplify(0.002, trace)
    content, _ = metrics.render("application/openmetrics-text")
    lines = [line for line in content.decode().splitlines() if trace in line]
    assert [line.partition(" ")[0] for line in lines] == ['noonmark_first_byte_seconds_bucket{le="0.0025"}']


@pytest.mark.parametrize("accept", ["", "*/*", "text/plain"])
def test_exemplars_are_shown_only_to_who_can_read_them(accept: str) -> None:
    assert b"trace_id" not in metrics.render(accept)[0]
