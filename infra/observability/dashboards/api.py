"""The API's four golden signals, sign-in mail, and what tracing costs."""

from infra.observability.dashboards.model import Dashboard, Panel, Query, Unit
from infra.observability.dashboards.queries import OURS, looked, quantiles, rate, rates, share

_REQUESTS = "noonmark_http_requests_total"
_CPU = f"process_cpu_seconds_total{OURS}"

API = Dashboard(
    "api",
    "API",
    (
        Panel("Traffic", "Requests by method.", rates(_REQUESTS, "method"), Unit.RATE),
        Panel(
            "Errors", "The share of requests that were the caller's fault, limited (429), or ours.",
            tuple(
                Query(share(rate(f'{_REQUESTS}{{status=~"{status}"}}'), rate(_REQUESTS)), legend)
                for status, legend in (("4..", "4xx"), ("429", "limited"), ("5..", "5xx"))
            ),
            Unit.RATIO,
        ),
        Panel("Answers by status", "Each code.", rates(_REQUESTS, "status"), Unit.RATE),
        Panel(
            "Latency", "From a request's arrival to the first byte of its answer; a dot leads to a trace.",
            quantiles("noonmark_http_request_seconds", exemplars=True), Unit.SECONDS,
        ),
        Panel(
            "Saturation", "Requests under way, streams too.",
            (Query("sum(noonmark_http_requests_in_flight)", "under way"),),
        ),
        Panel(
            "Processors", "Seconds of CPU a second by each process; one API takes one core.",
            (Query(f"rate({_CPU}[$__rate_interval])", "{{instance}}"),),
        ),
        Panel("Mails", "By what became of them.", rates("noonmark_mails_total", "outcome"), Unit.RATE),
        Panel(
            "Oldest waiting mail", "Sign-in links expire after 15 minutes.",
            (Query(looked("noonmark_oldest_mail_seconds")),), Unit.SECONDS, alarm=300,
        ),
        Panel(
            "Hints", "Wake-ups sent to schedulers.",
            (Query(rate("noonmark_hints_sent_total")),), Unit.RATE,
        ),
        Panel(
            "Spans", "Of traces, by what became of them.",
            rates("noonmark_spans_total", "fate"), Unit.RATE,
        ),
        Panel(
            "Memory", "Resident, by process.",
            (Query(f"process_resident_memory_bytes{OURS}", "{{instance}}"),), Unit.BYTES,
        ),
    ),
)  # fmt: skip
