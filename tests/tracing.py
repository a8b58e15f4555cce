"""A tracer that keeps its spans, for tests."""

from collections.abc import Mapping
from typing import Any

from core.tracing.context import Context
from core.tracing.tracer import Attributes, Kind


class FakeSpan:
    def __init__(self, name: str, kind: Kind, parent: Context | None, at: float | None, number: int) -> None:
        trace = parent.trace_id if parent is not None else f"{number:032x}"
        self.context = Context(trace, f"{number:016x}", sampled=True)
        self.name = name
        self.kind = kind
        self.parent = parent
        self.began = at
        self.ended: float | None = None
        self.over = False
        self.failed: str | None = None
        self.attributes: dict[str, Any] = {}

    def tell(self, attributes: Attributes, *, name: str | None = None) -> None:
        self.attributes |= attributes
        self.name = name or self.name

    def end(self, *, at: float | None = None, failed: str | None = None) -> None:
        self.ended, self.over, self.failed = at, True, failed


class FakeTracer:
    """Records all, or nothing."""

    def __init__(self, *, samples: bool = True) -> None:
        self.spans: list[FakeSpan] = []
        self._samples = samples

    def begin(
        self,
        name: str,
        *,
        kind: Kind = Kind.INTERNAL,
        parent: Context | None = None,
        at: float | None = None,
        attributes: Attributes | None = None,
    ) -> FakeSpan | None:
        if not self._samples:
            return None
        span = FakeSpan(name, kind, parent, at, len(self.spans) + 1)
        span.tell(attributes or {})
        self.spans.append(span)
        return span

    def close(self) -> None:
        return None

    def named(self) -> Mapping[str, FakeSpan]:
        return {span.name: span for span in self.spans}
