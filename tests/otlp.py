"""A place for traces, for tests: takes OTLP over HTTP on loopback and keeps every span, and every byte."""

import asyncio
import contextlib
import gzip
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.waiting import wait_until


class Seen(msgspec.Struct, frozen=True):
    """A span as it arrived; ids are hex, instants epoch seconds."""

    service: str
    name: str
    kind: int
    trace_id: str
    span_id: str
    parent_id: str
    began: float
    ended: float
    failed: bool
    attributes: dict[str, Any]


class Collector:
    """Answers each export with the status it is given."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.bodies: list[bytes] = []
        self.url = ""

    @property
    def spans(self) -> list[Seen]:
        return [span for body in self.bodies for span in _decoded(body)]

    def of(self, trace_id: str) -> list[Seen]:
        return [span for span in self.spans if span.trace_id == trace_id]

    async def has(self, trace_id: str, *names: str, within: float = 15.0) -> list[Seen]:
        """All spans of a trace, once each of these names is there as often as it is given."""

        def look() -> list[Seen]:
            found = self.of(trace_id)
            missing = Counter(names) - Counter(span.name for span in found)
            return [] if missing else found

        return await wait_until(look, within=within, what=f"{', '.join(names)} in the trace {trace_id}")

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                fields = dict(line.split(": ", 1) for line in head.splitlines()[1:] if line)
                body = await reader.readexactly(int(fields["content-length"]))
                if fields.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                if self.status == 200:
                    self.bodies.append(body)
                writer.write(b"HTTP/1.1 %d -\r\nContent-Length: 0\r\n\r\n" % self.status)
        writer.close()


@asynccontextmanager
async def collecting(*, status: int = 200) -> AsyncIterator[Collector]:
    """A collector for as long as the block runs."""
    collector = Collector(status)
    server = await asyncio.start_server(collector.connected, "127.0.0.1", 0)
    collector.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield collector
    finally:
        server.close()


def _decoded(body: bytes) -> list[Seen]:
    request = ExportTraceServiceRequest.FromString(body)
    found = []
    for resource in request.resource_spans:
        service = _attributes(resource.resource.attributes)["service.name"]
        for scope in resource.scope_spans:
            found += [_seen(service, span) for span in scope.spans]
    return found


def _seen(service: str, span: Any) -> Seen:
    return Seen(
        service=service,
        name=span.name,
        kind=span.kind,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        began=span.start_time_unix_nano / 1e9,
        ended=span.end_time_unix_nano / 1e9,
        failed=span.status.code == 2,
        attributes=_attributes(span.attributes),
    )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}
