"""Spans of real processes on their way through a real OpenTelemetry Collector, as compose configures it."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from local import child
from tests.e2e.fleet import CALM, Fleet, free_port
from tests.e2e.processes import ROOT
from tests.e2e.work import Work
from tests.infra.tools import COLLECTOR, run
from tests.otlp import collecting
from tests.waiting import wait_until

pytestmark = [pytest.mark.heavy, pytest.mark.providers]

CONFIGURATION = ROOT / "infra" / "observability" / "otel" / "config.yaml"
_CALLER = "00f067aa0ba902b7"


@asynccontextmanager
async def otelcol(log: Path, *configurations: str) -> AsyncIterator[None]:
    """A collector by these, each laid over the ones before; it cannot outlive us."""
    told = (inline({"service": {"telemetry": {"metrics": {"level": "none"}}}}), *configurations)
    command = [str(COLLECTOR), *(f"--config={each}" for each in told)]
    with log.open("wb") as written:
        process = await asyncio.create_subprocess_exec(
            *child.command(command, on_parent_death=signal.SIGKILL), stdout=written, stderr=written
        )
    try:
        await wait_until(
            lambda: b"Everything is ready" in log.read_bytes(), within=30, what="the collector is ready"
        )
        yield
    finally:
        process.terminate()
        await process.wait()


def receiving(grpc: str, http: str) -> str:
    """The same receiver, on loopback."""
    protocols = {"grpc": {"endpoint": grpc}, "http": {"endpoint": http}}
    return inline({"receivers": {"otlp": {"protocols": protocols}}})


def inline(configuration: Mapping[str, object]) -> str:
    """As an argument of the collector; JSON is YAML."""
    return f"yaml:{json.dumps(configuration)}"


def test_the_collector_takes_what_compose_gives_to_it() -> None:
    run(str(COLLECTOR), "validate", f"--config={CONFIGURATION}")


async def test_a_trace_comes_through_to_where_jaeger_would_be(
    fleet: Fleet, work: Work, tmp_path: Path
) -> None:
    """Another collector takes Jaeger's place: OTLP over gRPC is what it would be given."""
    http, jaeger, unused = (f"127.0.0.1:{free_port()}" for _ in range(3))
    trace = uuid4().hex
    async with collecting() as seen:
        place = {
            "exporters": {"otlp_http": {"endpoint": seen.url}},
            "service": {"pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["otlp_http"]}}},
        }
        settings = {**CALM, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{http}", "OTEL_BSP_SCHEDULE_DELAY": "100"}
        async with (
            otelcol(tmp_path / "jaeger.log", inline(place), receiving(jaeger, unused)),
            otelcol(
                tmp_path / "otel.log",
                str(CONFIGURATION),
                inline({"exporters": {"otlp_grpc": {"endpoint": jaeger}}}),
                receiving(f"127.0.0.1:{free_port()}", http),
            ),
            fleet.app(settings=settings) as app,
            fleet.scheduler(settings=settings),
            fleet.client(await app.address()) as api,
        ):
            body = work.job()
            headers = {"traceparent": f"00-{trace}-{_CALLER}-01"}
            (await api.post("/v1/jobs", json=body, headers=headers)).raise_for_status()
            spans = {span.name: span for span in await seen.has(trace, "POST /v1/jobs", "attempt", "POST")}
    assert spans["POST /v1/jobs"].parent_id == _CALLER
    assert spans["attempt"].parent_id == spans["POST /v1/jobs"].span_id
    assert spans["attempt"].attributes["noonmark.fate"] == "succeeded"
    assert spans["POST"].service == "noonmark-scheduler"
