"""`call.api` through its host, against targets on loopback. What the operator allows reaches it."""

import asyncio
import json
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from core.jobs.model import Needs
from core.settings import Settings
from scheduler import offering
from scheduler.runtimes.function import BUILT_IN
from scheduler.runtimes.runtime import Ending
from tests.integration.scheduler.functions.rig import Done, Rig
from tests.integration.scheduler.sender.targets import LOOPBACK, Target, read_request, target

ALLOWING = {"NOONMARK_EGRESS_ALLOW": LOOPBACK}


class Api:
    """Answers what it is told to, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.answered = asyncio.Event()
        self.says("200 OK\r\nContent-Type: application/json", b'{"sum": 42}')

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.asked.append(await read_request(reader))
        self.answered.set()
        writer.write(self.answer)
        await writer.drain()
        await reader.read()

    def says(self, head: str, body: bytes) -> None:
        self.answer = f"HTTP/1.1 {head}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
async def listening(api: Api) -> AsyncIterator[Target]:
    async with target(api.serve) as listening:
        yield listening


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path, modules=BUILT_IN, told=ALLOWING)
    yield rig
    await rig.runtime.close()


async def call(rig: Rig, url: str, **params: Any) -> Done:
    return await rig.carry_out("call.api@1", {"url": url, **params})


async def test_an_answer_is_the_result(rig: Rig, api: Api, listening: Target) -> None:
    done = await call(rig, listening.url("/sum?of=1"), method="POST", headers={"X-A": "b"}, body={"a": [1]})
    assert (done.exit.how, done.exit.code) == (Ending.EXITED, 0)
    assert done.result["status"] == 200
    assert done.result["body"] == {"sum": 42}
    assert done.result["headers"]["content-type"] == "application/json"
    assert done.result["truncated"] is False
    [asked] = api.asked
    head, _, body = asked.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /sum?of=1 HTTP/1.1\r\n")
    assert b"\r\nX-A: b\r\n" in head and b"\r\nContent-Type: application/json\r\n" in head
    assert json.loads(body) == {"a": [1]}


async def test_every_attempt_has_the_job_for_its_idempotency_key(
    rig: Rig, api: Api, listening: Target
) -> None:
    order = rig.order("call.api@1", {"url": listening.url()})
    for _ in range(2):
        work = await rig.runtime.start(order, _Nothing())
        await work.wait()  # type: ignore[union-attr]
    keys = {line for asked in api.asked for line in asked.split(b"\r\n") if line.startswith(b"Idempotency")}
    assert keys == {f"Idempotency-Key: {order.job_id}".encode()}


async def test_text_is_sent_and_answered_as_text(rig: Rig, api: Api, listening: Target) -> None:
    api.says("200 OK\r\nContent-Type: text/plain", "grüezi".encode())
    done = await call(rig, listening.url(), method="PUT", body_text="ja")
    assert done.result["body"] == "grüezi"
    assert api.asked[0].endswith(b"\r\n\r\nja")


async def test_what_is_no_text_comes_in_base64(rig: Rig, api: Api, listening: Target) -> None:
    api.says("200 OK", b"\xff\x00")
    done = await call(rig, listening.url())
    assert (done.result["body"], done.result["body_base64"]) == (None, "/wA=")


async def test_a_large_answer_is_cut_off(rig: Rig, api: Api, listening: Target) -> None:
    api.says("200 OK\r\nContent-Type: application/json", b'"' + b"x" * 1_000_000 + b'"')
    done = await call(rig, listening.url())
    assert done.result["truncated"] is True
    assert len(done.result["body"]) == 64 * 1024


async def test_a_status_that_was_not_expected_fails_and_is_shown(
    rig: Rig, api: Api, listening: Target
) -> None:
    api.says("404 Not Found", b"no")
    done = await call(rig, listening.url())
    assert (done.exit.code, done.exit.message) == (
        65,
        "The target answered 404, which another attempt would not change.",
    )
    assert (done.result["status"], done.result["body"]) == (404, "no")
    api.says("503 Service Unavailable", b"")
    assert (await call(rig, listening.url())).exit.code == 1


async def test_a_status_that_was_expected_succeeds(rig: Rig, api: Api, listening: Target) -> None:
    api.says("404 Not Found", b"no")
    done = await call(rig, listening.url(), expected_status=["2xx", 404])
    assert (done.exit.code, done.result["status"]) == (0, 404)


async def test_a_redirect_is_not_followed(rig: Rig, api: Api, listening: Target) -> None:
    api.says(f"302 Found\r\nLocation: {listening.url('/else')}", b"")
    assert "redirect" in (await call(rig, listening.url())).exit.message
    assert len(api.asked) == 1


async def test_a_slow_answer_is_given_up_in_time(rig: Rig, api: Api, listening: Target) -> None:
    api.answer = b""
    done = await call(rig, listening.url(), timeout_seconds=1)
    assert (done.exit.code, "deadline" in done.exit.message) == (1, True)


async def test_a_call_is_broken_off_when_its_attempt_is_stopped(
    rig: Rig, api: Api, listening: Target
) -> None:
    api.answer = b""
    started = await rig.start("call.api@1", {"url": listening.url()}, grace_seconds=600)
    await api.answered.wait()
    await started.work.stop()
    assert (await started.done()).exit.how is Ending.STOPPED


async def test_loopback_is_refused_where_the_operator_said_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, api: Api, listening: Target
) -> None:
    # Not what this process was started with: what the runtime is told.
    monkeypatch.setenv("NOONMARK_EGRESS_ALLOW", LOOPBACK)
    rig = Rig(tmp_path, modules=BUILT_IN)
    done = await call(rig, listening.url())
    await rig.runtime.close()
    assert (done.exit.code, "not a public address" in done.exit.message) == (65, True)
    assert (api.asked, listening.connections) == ([], 0)


async def test_a_job_cannot_allow_itself_anything(tmp_path: Path, api: Api, listening: Target) -> None:
    rig = Rig(tmp_path, modules=BUILT_IN)
    done = await rig.carry_out("call.api@1", {"url": listening.url()}, environment=ALLOWING)
    await rig.runtime.close()
    assert (done.exit.code, listening.connections) == (65, 0)


async def test_the_operators_setting_reaches_the_function_and_not_its_environment(
    tmp_path: Path, api: Api, listening: Target
) -> None:
    module = "tests.integration.scheduler.functions.module"
    settings = Settings(
        database_url="postgresql://u@127.0.0.1/d",
        data_dir=str(tmp_path),
        runtimes="function",
        functions=module,
        egress_allow=LOOPBACK,
    )
    rig = Rig(tmp_path)
    async with offering.offered(settings, rig.order("echo@1").job_id) as runtimes:
        rig.runtime = runtimes[Needs.FUNCTION]  # type: ignore[assignment]
        assert (await call(rig, listening.url())).exit.code == 0
        told = (await rig.carry_out("told@1")).result
        assert "NOONMARK_EGRESS_ALLOW" not in told["environment"]


class _Nothing:
    """Keeps no output."""

    def write(self, stream: object, data: bytes) -> None:
        return
