"""Spans by OpenTelemetry's SDK, exported by OTLP over HTTP from a thread of its own.

Never imported unless tracing is on (see `tracer.load`). An exporter that is slow or down costs nobody
anything: what waits for it is bounded, and what does not fit is dropped and counted.
"""

import logging
import os
import threading
from collections.abc import Sequence

from opentelemetry import trace as otel
from opentelemetry.context import Context as Ambient
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from core import log, metrics
from core.tracing.context import Context
from core.tracing.tracer import Attributes, Kind

_CLOSING_SECONDS = 3.0
_QUEUE = "OTEL_BSP_MAX_QUEUE_SIZE"
_SPANS = 2048
_KINDS = {
    Kind.INTERNAL: otel.SpanKind.INTERNAL,
    Kind.SERVER: otel.SpanKind.SERVER,
    Kind.CLIENT: otel.SpanKind.CLIENT,
}
# They tell of each failed export in lines of their own making; one line for an outage is ours.
_LOUD = ("opentelemetry", "urllib3")

_log = log.get(__name__)


class Exporting:
    """The tracer of a process; `OTEL_*` says where to, which of them, and how many may wait."""

    def __init__(self, process: str) -> None:
        for name in _LOUD:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": f"noonmark-{process}"}
        # Without the hook at exit: it would wait for an exporter that is down.
        self._provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
        most = int(os.environ.get(_QUEUE) or _SPANS)
        self._provider.add_span_processor(Bounded(OTLPSpanExporter(), most=most))
        self._tracer = self._provider.get_tracer("noonmark")

    def begin(
        self,
        name: str,
        *,
        kind: Kind = Kind.INTERNAL,
        parent: Context | None = None,
        at: float | None = None,
        attributes: Attributes | None = None,
    ) -> "Recorded | None":
        """A span, unless the sampler leaves this trace out."""
        span = self._tracer.start_span(
            name,
            context=_ambient(parent),
            kind=_KINDS[kind],
            attributes=attributes,
            start_time=_nanoseconds(at),
        )
        return Recorded(span) if span.is_recording() else None

    def close(self) -> None:
        """Send what is left; give up after a few seconds."""
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(_CLOSING_SECONDS)


class Recorded:
    """A span of the SDK."""

    def __init__(self, span: otel.Span) -> None:
        self._span = span
        context = span.get_span_context()
        self.context = Context(f"{context.trace_id:032x}", f"{context.span_id:016x}", sampled=True)

    def tell(self, attributes: Attributes, *, name: str | None = None) -> None:
        """Add attributes, and perhaps a better name."""
        self._span.set_attributes(attributes)
        if name is not None:
            self._span.update_name(name)

    def end(self, *, at: float | None = None, failed: str | None = None) -> None:
        """Hand it to the exporter's thread."""
        if failed is not None:
            self._span.set_status(otel.Status(otel.StatusCode.ERROR, failed))
        self._span.end(end_time=_nanoseconds(at))


class Bounded(SpanProcessor):
    """Batches for an exporter, in a queue of the SDK's that is never overfull: that would drop uncounted."""

    def __init__(self, exporter: SpanExporter, *, most: int) -> None:
        self._most = most
        self._taken = 0
        self._exporter = _Counted(exporter)
        self._inner = BatchSpanProcessor(
            self._exporter, max_queue_size=most, max_export_batch_size=min(512, most)
        )

    def on_end(self, span: ReadableSpan) -> None:
        """Take it, or drop it at once."""
        if self._taken - self._exporter.handled >= self._most:
            metrics.spans.labels("dropped").inc()
            return
        self._taken += 1
        self._inner.on_end(span)

    def shutdown(self) -> None:
        """Export the rest and stop."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Export what there is."""
        return self._inner.force_flush(timeout_millis)


class _Counted(SpanExporter):
    """Counts what becomes of batches; says so when it begins to fail and when that is over."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner
        self._failing = False
        self.handled = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            result = self._inner.export(spans)
        except Exception:
            result = SpanExportResult.FAILURE
        failed = result is not SpanExportResult.SUCCESS
        metrics.spans.labels("failed" if failed else "exported").inc(len(spans))
        self.handled += len(spans)
        if failed != self._failing:
            self._failing = failed
            _log.warning("spans_not_exported" if failed else "spans_exported_again", count=len(spans))
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()


def _ambient(parent: Context | None) -> Ambient:
    """Nothing but the parent: there is no current span here."""
    if parent is None:
        return Ambient()
    context = otel.SpanContext(
        int(parent.trace_id, 16),
        int(parent.span_id, 16),
        is_remote=True,
        trace_flags=otel.TraceFlags(int(parent.sampled)),
    )
    return otel.set_span_in_context(otel.NonRecordingSpan(context), Ambient())


def _nanoseconds(at: float | None) -> int | None:
    return None if at is None else int(at * 1_000_000_000)
