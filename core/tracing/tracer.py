"""The seam to what records spans, and whether there is anything behind it.

Tracing is off unless the environment names a place to export to (`OTEL_*`, as OpenTelemetry has them). Then
nothing of OpenTelemetry is even imported, and who would trace holds None.
"""

import importlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol, TypeAlias

from core.errors import SettingError
from core.tracing.context import Context

Attributes: TypeAlias = Mapping[str, str | int | float | bool]

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_EXPORTER = "OTEL_TRACES_EXPORTER"


class Kind(StrEnum):
    """What a span is to the other side of a call."""

    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"


class Span(Protocol):
    """Something that began and has not ended yet."""

    @property
    def context(self) -> Context:
        """What others name as their parent."""

    def tell(self, attributes: Attributes, *, name: str | None = None) -> None:
        """Add what became known of it meanwhile."""

    def end(self, *, at: float | None = None, failed: str | None = None) -> None:
        """It is over, at this instant (epoch seconds) or now; `failed` says why it is a failure."""


class Tracer(Protocol):
    """Records spans and sends them away behind everybody's back; never waits, never raises."""

    def begin(
        self,
        name: str,
        *,
        kind: Kind = Kind.INTERNAL,
        parent: Context | None = None,
        at: float | None = None,
        attributes: Attributes | None = None,
    ) -> Span | None:
        """A span that began at this instant (epoch seconds) or now; none if this trace is not recorded."""

    def close(self) -> None:
        """Send what is left, for a few seconds at most. Blocks."""


def load(environ: Mapping[str, str], *, process: str) -> Tracer | None:
    """The tracer of this process, if tracing is on. Raises SettingError for what is not supported."""
    if not wanted(environ):
        return None
    # Not imported at the top of the file: that takes a quarter of a second, and most do not trace.
    tracer: Tracer = importlib.import_module("core.tracing.exporting").Exporting(process)
    return tracer


def wanted(environ: Mapping[str, str]) -> bool:
    """Whether the environment asks for traces. Raises SettingError for an exporter that we do not have."""
    exporter = environ.get(_EXPORTER, "").strip()
    endpoint = next((environ[name] for name in _ENDPOINTS if environ.get(name)), None)
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or exporter == "none":
        return False
    if exporter not in ("", "otlp"):
        raise SettingError(_EXPORTER, f"{exporter!r} is neither otlp nor none")
    if not exporter and endpoint is None:
        return False
    for name in _PROTOCOLS:
        if environ.get(name, "http/protobuf") not in ("", "http/protobuf"):
            raise SettingError(name, "only http/protobuf is spoken here")
    if endpoint is not None and not endpoint.startswith(("http://", "https://")):
        raise SettingError("OTEL_EXPORTER_OTLP_ENDPOINT", "must start with http:// or https://")
    return True
