"""The spans of an attempt."""

import msgspec
import pytest

from core.jobs.model import Fate, HttpTarget, Outcome, Settled, Settlement
from core.tracing.context import Context, parse, write
from scheduler.flights import Flight
from scheduler.tracing import Tracing
from tests.sent import headers_of
from tests.tracing import FakeTracer
from tests.unit.scheduler.fakes import NOW, Bench, response

PARENT = Context("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", sampled=True)
CANARY = "cAnArY"


async def flown(bench: Bench, **given: object) -> tuple[Flight, Settlement]:
    flight = bench.fly(**{"trace": write(PARENT)} | given)
    settlement = await bench.ledger.last()
    assert isinstance(bench.tracing, Tracing)
    fate = Fate.SUCCEEDED if settlement.outcome is Outcome.SUCCEEDED else Fate.RETRYING
    bench.tracing.settled(flight, settlement, Settled(settlement.job_id, settlement.lease_token, fate, None))
    return flight, settlement


async def test_an_attempt_continues_the_trace_of_what_made_its_job_up_to_the_target() -> None:
    tracer = FakeTracer()
    bench = Bench(tracer=tracer)
    await flown(bench)
    spans = tracer.named()
    attempt, call = spans["attempt"], spans["POST"]
    assert attempt.parent == PARENT
    assert call.parent == attempt.context
    sent = dict(headers_of(bench.sender.requests[0]))["traceparent"]
    assert parse(sent) == call.context
    assert {span.context.trace_id for span in tracer.spans} == {PARENT.trace_id}


async def test_every_span_that_began_has_ended() -> None:
    tracer = FakeTracer()
    await flown(Bench(tracer=tracer), due_at=NOW - 2)
    assert [span.name for span in tracer.spans if not span.over] == []


async def test_the_wait_from_due_to_the_claim_is_a_span_of_its_own() -> None:
    tracer = FakeTracer()
    await flown(Bench(tracer=tracer), due_at=NOW - 2)
    claim = tracer.named()["claim"]
    assert (claim.began, claim.ended) == (NOW - 2, NOW)
    assert tracer.named()["attempt"].began == NOW - 2


async def test_a_failure_says_how_it_ended() -> None:
    tracer = FakeTracer()
    bench = Bench(tracer=tracer)
    bench.sender.reply = response(503)
    await flown(bench)
    spans = tracer.named()
    assert spans["POST"].attributes["http.response.status_code"] == 503
    assert spans["attempt"].attributes["noonmark.outcome"] == "failed"
    assert spans["attempt"].failed and spans["POST"].failed


@pytest.mark.parametrize("trace", [None, write(msgspec.structs.replace(PARENT, sampled=False))])
async def test_a_job_whose_trace_is_not_recorded_has_no_span(trace: str | None) -> None:
    tracer = FakeTracer()
    flight, _ = await flown(Bench(tracer=tracer), trace=trace)
    assert (tracer.spans, flight.trace) == ([], None)


async def test_what_the_sampler_leaves_out_is_called_all_the_same() -> None:
    bench = Bench(tracer=FakeTracer(samples=False))
    await flown(bench)
    assert dict(headers_of(bench.sender.requests[0]))["traceparent"] == write(PARENT)


@pytest.mark.promise(11)
async def test_no_span_tells_what_a_user_sent_or_a_target_said() -> None:
    tracer = FakeTracer()
    bench = Bench(tracer=tracer)
    bench.sender.reply = response(500, ("x-secret", CANARY), body=CANARY.encode())
    target = HttpTarget(url=f"http://127.0.0.1:9/{CANARY}?key={CANARY}", headers={"x-key": CANARY})
    await flown(bench, target=msgspec.json.encode(target).decode(), body=CANARY.encode())
    assert CANARY in bench.sender.requests[0].url.target
    told = [str((span.name, span.attributes, span.failed)) for span in tracer.spans]
    assert told
    assert not [one for one in told if CANARY in one]
