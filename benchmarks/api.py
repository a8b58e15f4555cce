"""What one API process takes: creating one, creating many, reading one, reading a page.

Beside it the same server with one token look-up and one bare insert, and for many at once a raw `unnest` of
the same rows into the same tables from as many connections.
"""

import time
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from benchmarks import bare_api, bare_unnest, work
from benchmarks.load import Load, Report
from benchmarks.programs import Program, python
from benchmarks.stand import Room, Stand

CONNECTIONS = 64
_BATCH = 1000
_BATCH_CONNECTIONS = 4


class Asked(msgspec.Struct, frozen=True):
    """One kind of request."""

    method: str
    path: str
    body: bytes = b""
    connections: int = CONNECTIONS


def job(stand: Stand) -> bytes:
    """A job for tomorrow, as a user writes it."""
    target = {"url": stand.receiver.url(), "body": msgspec.json.decode(work.body(work.BODY_BYTES))}
    return msgspec.json.encode({"target": target, "delay_seconds": 86_400})


async def rates(stand: Stand, seconds: float) -> dict[str, Mapping[str, float]]:
    """Each kind's figures, by its prefix."""
    async with stand.room() as room:
        await room.db.execute(bare_api.TABLE)
        one, many = job(stand), b'{"jobs":[' + b",".join([job(stand)] * _BATCH) + b"]}"
        create = Asked("POST", "/v1/jobs", one)
        async with room.start("bare-api", python("benchmarks.bare_api")) as server:
            found = {"api_bare_insert_": await _rate(room, server, create, seconds)}
        async with room.start("app", python("app")) as server:
            port = await _port(server)
            found["api_create_"] = await _loaded(room, server, port, create, seconds)
            made = (await work.store(room.db, work.due_at(_order(stand), [time.time() + 86_400] * 100)))[0]
            kinds = {
                "api_get_": Asked("GET", f"/v1/jobs/{made}"),
                "api_list_": Asked("GET", "/v1/jobs?limit=20"),
                "api_batch_requests_": Asked("POST", "/v1/jobs:batch", many, _BATCH_CONNECTIONS),
            }
            for prefix, asked in kinds.items():
                found[prefix] = await _loaded(room, server, port, asked, seconds)
        found["api_batch_jobs_"] = {"per_s": found["api_batch_requests_"]["per_s"] * _BATCH}
        bare = await bare_unnest.rate(
            room, _order(stand), seconds, rows=_BATCH, connections=_BATCH_CONNECTIONS
        )
        found["api_bare_unnest_jobs_"] = {"per_s": bare}
    return found


def _order(stand: Stand) -> work.Order:
    return work.Order(tenants=[stand.tenant], url=stand.receiver.url())


async def _rate(room: Room, server: Program, asked: Asked, seconds: float) -> Mapping[str, float]:
    return await _loaded(room, server, await _port(server), asked, seconds)


async def _port(server: Program) -> int:
    port = urlsplit((await server.line()).removeprefix("ready ")).port
    assert port is not None
    return port


async def _loaded(
    room: Room, server: Program, port: int, asked: Asked, seconds: float
) -> Mapping[str, float]:
    load = Load(port=port, requests=[wire(room.stand, asked)], connections=asked.connections, seconds=seconds)
    path = room.stand.folder / "load.json"
    path.write_bytes(msgspec.json.encode(load))
    before = server.cpu()
    async with room.start("load", python("benchmarks.load", str(path))) as generator:
        report = msgspec.json.decode(await generator.line(), type=Report)
    cpu = (server.cpu() - before) / (report.per_s * (seconds + load.warm_seconds)) * 1e6
    return {
        "per_s": report.per_s, "p50_ms": report.p50_ms, "p99_ms": report.p99_ms, "refused": report.refused,
        "cpu_us": cpu,
    }  # fmt: skip


def wire(stand: Stand, asked: Asked) -> str:
    """The whole request."""
    lines = [
        f"{asked.method} {asked.path} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {stand.token}",
        "Content-Type: application/json",
        f"Content-Length: {len(asked.body)}",
    ]
    return "\r\n".join(lines) + "\r\n\r\n" + asked.body.decode()
