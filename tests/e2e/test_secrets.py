"""What must never be written down: every secret of an installation is searched for in all that it wrote."""

import asyncio
import base64
import hashlib
from collections.abc import Iterator

import pytest

from local import cluster
from tests.e2e.fleet import CALM, Fleet
from tests.e2e.work import Work
from tests.otlp import Collector, collecting

_HEADER = "Bearer canary-in-a-header-of-a-job"
_MARKED = "canary-in-a-header-that-was-marked"
# No secrets to us, and yet a span has nothing to say of them: parts of a target's URL, of bodies, of answers.
_ON_THE_WAY = (b"canary-in-a-query", b"canary-in-a-", b'{"path"', b'{"seen"')
_LOUD = {**CALM, "NOONMARK_LOG_LEVEL": "debug"}


@pytest.mark.promise(11)
async def test_no_secret_stands_in_a_log_a_read_a_trace_or_a_dump_of_the_database(
    fleet: Fleet, work: Work
) -> None:
    async with collecting() as collector:
        reads = await _live(fleet, work, collector)
    dump = await _dumped(fleet)
    logs = {path.name: path.read_bytes() for path in fleet.folder.glob("*.*")}
    assert hashlib.sha256(_HEADER.encode()).hexdigest() in {
        one.request.authorization_sha256 for one in work.arrivals()
    }
    assert b"COPY public.jobs " in dump
    assert any(b"replica_started" in log for log in logs.values())
    assert {"attempt", "POST", "POST /v1/jobs"} <= {span.name for span in collector.spans}
    spans = b"".join(collector.bodies)
    assert not [word for word in _ON_THE_WAY if word in spans]
    found = [
        (name, place)
        for place, text in {**logs, "dump": dump, "reads": reads, "spans": spans}.items()
        for name, secret in _secrets(fleet).items()
        for spelling in _spellings(secret)
        if spelling in text
    ]
    assert found == []


async def _live(fleet: Fleet, work: Work, collector: Collector) -> bytes:
    """Jobs with secrets go well and badly, on processes that tell all they can; what the API then reads."""
    target = {"headers": {"Authorization": _HEADER, "X-Customer": _MARKED}, "secret_headers": ["X-Customer"]}
    telling = {**_LOUD, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    async with (
        fleet.reaper(settings=telling),
        fleet.scheduler(settings=telling),
        fleet.app(settings=telling) as app,
        fleet.client(await app.address()) as client,
    ):
        for orders in ("", "fail=1", "status=400", "drop=1"):
            await work.post(work.job(f"{orders}&key=canary-in-a-query", target=target), client=client)
        await client.get("/v1/me", headers={"Authorization": f"Bearer {fleet.session.access_token}x"})
        await work.ended()
        paths = [
            f"/v1/jobs/{promise.id}{more}"
            for promise in work.promises
            for more in ("", "/attempts", "/events")
        ]
        answers = [await client.get(path) for path in [*paths, "/metrics"]]
    assert {answer.status_code for answer in answers} == {200}
    await work.check()
    return b"".join(answer.content for answer in answers)


async def _dumped(fleet: Fleet) -> bytes:
    process = await asyncio.create_subprocess_exec(
        str(cluster.installed() / "pg_dump"), f"--dbname={fleet.dsn}", stdout=asyncio.subprocess.PIPE
    )
    dump, _ = await process.communicate()
    assert process.returncode == 0
    return dump


def _secrets(fleet: Fleet) -> dict[str, bytes]:
    session = fleet.session
    texts = {
        "a job's Authorization": _HEADER,
        "a job's marked header": _MARKED,
        "the magic link's token": session.link_token,
        "an access token": session.access_token,
        "a refresh token": session.refresh_token,
        "the master key": fleet.master_key,
        "the JWT secret": fleet.jwt_secret,
        **{f"signing secret {i}": secret for i, secret in enumerate(session.signing_secrets())},
    }
    keys = {
        f"{name}, decoded": base64.b64decode(text.removeprefix("whsec_"))
        for name, text in texts.items()
        if name.startswith("signing") or name == "the master key"
    }
    return {name: text.encode() for name, text in texts.items()} | keys


def _spellings(secret: bytes) -> Iterator[bytes]:
    """As it is, and as PostgreSQL writes bytes."""
    yield secret
    yield secret.hex().encode()
