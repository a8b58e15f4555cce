"""One trace from the request to the target, through real processes, and nothing lost when nobody takes it."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from core.tracing.context import parse
from tests.e2e.fleet import CALM, Fleet
from tests.e2e.work import Work
from tests.otlp import Collector, Seen, collecting
from tests.waiting import wait_until

_SERVER, _CLIENT = 2, 3
_CALLER = "00f067aa0ba902b7"
_OF_A_CALL = ("POST /v1/jobs", "attempt", "dispatch", "POST", "settle")


def traced(collector: Collector, **more: str) -> dict[str, str]:
    return {
        **CALM,
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        **more,
    }


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with collecting() as opened:
        yield opened


async def asked(
    work: Work, api: httpx.AsyncClient, *, sampled: bool = True, **given: Any
) -> tuple[str, UUID]:
    """A job made within a trace; the trace's id and the job's."""
    trace = uuid4().hex
    body = work.job(given.pop("orders", ""), **given)
    header = f"00-{trace}-{_CALLER}-{'01' if sampled else '00'}"
    answer = await api.post("/v1/jobs", json=body, headers={"traceparent": header, "X-Request-ID": trace})
    assert answer.status_code == 201, answer.text
    return trace, work.promise(body, UUID(answer.json()["id"]))


def named(spans: list[Seen]) -> Mapping[str, Seen]:
    return {span.name: span for span in spans}


async def test_one_trace_leads_from_the_callers_request_to_the_target(
    fleet: Fleet, work: Work, collector: Collector
) -> None:
    settings = traced(collector)
    async with (
        fleet.app(settings=settings) as app,
        fleet.scheduler(settings=settings),
        fleet.client(await app.address()) as api,
    ):
        trace, job = await asked(work, api, delay_seconds=0.3)
        await work.ended()
        spans = named(await collector.has(trace, *_OF_A_CALL))
    api_span, attempt, call = spans["POST /v1/jobs"], spans["attempt"], spans["POST"]
    assert (api_span.parent_id, api_span.kind, api_span.service) == (_CALLER, _SERVER, "noonmark-app")
    assert (attempt.parent_id, attempt.service) == (api_span.span_id, "noonmark-scheduler")
    assert (call.parent_id, call.kind) == (attempt.span_id, _CLIENT)
    assert {spans[name].parent_id for name in ("dispatch", "settle")} == {attempt.span_id}
    assert attempt.attributes["noonmark.job.id"] == str(job)
    assert attempt.attributes["noonmark.fate"] == "succeeded"
    assert call.attributes["http.response.status_code"] == 200
    [arrival] = work.arrivals()
    received = parse(arrival.request.traceparent)
    assert received is not None
    assert (received.trace_id, received.span_id, received.sampled) == (trace, call.span_id, True)


async def test_a_job_that_a_target_makes_continues_the_trace_of_its_call(
    fleet: Fleet, work: Work, collector: Collector
) -> None:
    settings = traced(collector)
    async with (
        fleet.app(settings=settings) as app,
        fleet.scheduler(settings=settings),
        fleet.client(await app.address()) as api,
    ):
        trace, _ = await asked(work, api)
        [arrival] = await work.arrived()
        body = work.job()
        answer = await api.post("/v1/jobs", json=body, headers={"traceparent": arrival.request.traceparent})
        work.promise(body, UUID(answer.json()["id"]))
        await work.ended()
        spans = await collector.has(trace, *2 * ("POST /v1/jobs", "attempt"))
    call = parse(arrival.request.traceparent)
    assert call is not None
    made = [span for span in spans if span.name == "POST /v1/jobs"]
    assert [span.parent_id for span in sorted(made, key=lambda span: span.began)] == [_CALLER, call.span_id]
    attempts = [span for span in spans if span.name == "attempt"]
    assert {span.parent_id for span in attempts} == {span.span_id for span in made}


async def test_every_attempt_stands_in_the_trace_also_the_one_whose_replica_died(
    fleet: Fleet, work: Work, collector: Collector
) -> None:
    quick = traced(collector, NOONMARK_BEAT_SECONDS="0.3", NOONMARK_LEASE_TTL_SECONDS="2")
    async with (
        fleet.app(settings=quick) as app,
        fleet.reaper(settings=quick),
        fleet.client(await app.address()) as api,
    ):
        async with fleet.scheduler(settings=quick) as first:
            trace, _ = await asked(work, api, orders="hold=1")
            await work.arrived()
            await work.kill(first)
        async with fleet.scheduler(settings=quick):
            await work.ended()
            # The killed replica's own spans died with it.
            found = await wait_until(
                lambda: (
                    [span for span in collector.of(trace) if span.name == "attempt"][1:]
                    and collector.of(trace)
                ),
                within=15,
                what="both attempts",
            )
    attempts = {span.attributes["noonmark.attempt"]: span for span in found if span.name == "attempt"}
    assert (attempts[1].attributes["noonmark.outcome"], attempts[1].service) == ("lost", "noonmark-reaper")
    assert (attempts[2].attributes["noonmark.outcome"], attempts[1].failed) == ("succeeded", True)
    assert attempts[1].parent_id == attempts[2].parent_id


async def test_code_is_told_which_trace_it_belongs_to(
    fleet: Fleet, work: Work, collector: Collector, tmp_path: Path
) -> None:
    settings = traced(collector, NOONMARK_RUNTIMES="process", NOONMARK_DATA_DIR=str(tmp_path))
    trace = uuid4().hex
    script = """printf '"%s"' "$TRACEPARENT" > "$NOONMARK_OUTPUT_DIR/result.json\""""
    target = {"type": "container", "runtime": "process", "command": ["/bin/sh", "-c", script]}
    async with (
        fleet.app(settings=settings) as app,
        fleet.scheduler(settings=settings),
        fleet.client(await app.address()) as api,
    ):
        headers = {"traceparent": f"00-{trace}-{_CALLER}-01"}
        made = (await api.post("/v1/jobs", json={"target": target}, headers=headers)).json()
        spans = named(await collector.has(trace, "call"))
        told = (await api.get(f"/v1/jobs/{made['id']}")).json()["result"]
    received = parse(told)
    assert received is not None
    assert (received.trace_id, received.span_id) == (trace, spans["call"].span_id)


async def test_a_caller_that_does_not_record_is_followed(
    fleet: Fleet, work: Work, collector: Collector
) -> None:
    settings = traced(collector)
    async with (
        fleet.app(settings=settings) as app,
        fleet.scheduler(settings=settings),
        fleet.client(await app.address()) as api,
    ):
        quiet, _ = await asked(work, api, sampled=False)
        loud, _ = await asked(work, api)
        await work.ended()
        await collector.has(loud, *_OF_A_CALL)
    assert collector.of(quiet) == []
    received = {one.request.traceparent for one in work.arrivals()}
    assert f"00-{quiet}-{_CALLER}-00" in received


async def test_a_trace_that_nobody_here_records_is_passed_on(fleet: Fleet, work: Work) -> None:
    async with fleet.scheduler(settings=CALM):
        trace, _ = await asked(work, work.api)
        await work.ended()
    [arrival] = work.arrivals()
    assert arrival.request.traceparent == f"00-{trace}-{_CALLER}-01"


async def test_one_id_finds_the_lines_of_the_api_and_of_the_scheduler(
    fleet: Fleet, work: Work, collector: Collector
) -> None:
    settings = traced(collector)
    async with (
        fleet.app(settings=settings) as app,
        fleet.scheduler(settings=settings) as scheduler,
        fleet.client(await app.address()) as api,
    ):
        trace, job = await asked(work, api)
        await work.ended()
        await work.settled_by(scheduler)
    [request] = [line for line in app.said("request") if line["request_id"] == trace]
    [settled] = [line for line in scheduler.said("attempt_settled") if line["request_id"] == f"{trace}-1"]
    assert settled["job_id"] == str(job)
    assert request["trace_id"] == settled["trace_id"] == trace


@pytest.mark.parametrize("way", ["refused", "silent", "failing"])
async def test_an_exporter_that_is_down_delays_no_job_and_no_end(fleet: Fleet, work: Work, way: str) -> None:
    async with collecting(status=503) as failing, _silent() as silent:
        url = {"refused": "http://127.0.0.1:1", "silent": silent, "failing": failing.url}[way]
        settings = traced(failing, OTEL_EXPORTER_OTLP_ENDPOINT=url, OTEL_BSP_MAX_QUEUE_SIZE="64")
        async with fleet.app(settings=settings) as app, fleet.client(await app.address()) as api:
            async with fleet.scheduler(settings=settings) as scheduler:
                await work.beating(scheduler)
                made = await asyncio.gather(*(asked(work, api, delay_seconds=2) for _ in range(100)))
                await work.ended()
                stopping = time.monotonic()
            stopped = time.monotonic() - stopping
            told = (await api.get("/metrics")).text
    late = await work.rows(
        """SELECT extract(epoch FROM min(a.started_at) - min(j.fire_at))::float8
           FROM jobs j JOIN attempts a ON a.job_id = j.id WHERE j.id = ANY($1) GROUP BY j.id"""
    )
    assert len(late) == len(made)
    assert max(row[0] for row in late) < 1.0
    assert stopped < 10
    assert 'noonmark_spans_total{fate="dropped"} 0.0' not in told


@asynccontextmanager
async def _silent() -> AsyncIterator[str]:
    """Where connections are taken and nothing is ever said."""
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
