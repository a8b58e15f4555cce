"""Whether all is well: the signals of the API and of the engine, on one screen."""

from infra.observability.dashboards.model import Dashboard, Panel, Query, Unit
from infra.observability.dashboards.queries import OURS, looked, quantiles, rate, rates, share

_REQUESTS = "noonmark_http_requests_total"
_FAULTS = 'noonmark_http_requests_total{status=~"5.."}'

OVERVIEW = Dashboard(
    "overview",
    "overview",
    (
        Panel(
            "Replicas alive", "Schedulers that beat and take work. None: nothing is called.",
            (Query(looked('noonmark_replicas{state="alive"}')),), kind="stat", width=4,
        ),
        Panel(
            "Processes that answer", "Of all that Prometheus asks.",
            (Query(f"sum(up{OURS})"),), kind="stat", width=4,
        ),
        Panel(
            "Oldest waiting job", "How long the job that waits longest has been due.",
            (Query(looked("noonmark_oldest_ready_seconds")),), Unit.SECONDS, "stat", 4, alarm=300,
        ),
        Panel(
            "API errors", "Answers of 5xx among all.",
            (Query(share(rate(_FAULTS), rate(_REQUESTS))),), Unit.RATIO, "stat", 4, alarm=0.01,
        ),
        Panel(
            "Rescue rate", "Leases that a reaper took, among all attempts; the target is less than 1 %.",
            (Query(share(rate("noonmark_reaped_total"), rate("noonmark_attempts_total"))),),
            Unit.RATIO, "stat", 4, alarm=0.01,
        ),
        Panel(
            "Days of history ahead", "Below 2 the installation is not ready.",
            (Query(looked("noonmark_days_ahead")),), kind="stat", width=4,
        ),
        Panel(
            "Lateness", "From the due instant to the start of the attempt.",
            quantiles("noonmark_lateness_seconds", exemplars=True), Unit.SECONDS,
        ),
        Panel("Attempts", "By how they ended.", rates("noonmark_attempts_total", "outcome"), Unit.RATE),
        Panel(
            "Jobs", "Accepted, and ended for good; failed ones are dead letters.",
            (
                Query(rate("noonmark_jobs_created_total"), "created"),
                Query(rate("noonmark_jobs_ended_total", "state"), "{{state}}"),
            ),
            Unit.RATE,
        ),
        Panel(
            "Slots", "Leases held, and how many may be: at the line, add replicas or slots.",
            (Query("sum(noonmark_in_flight)", "in flight"), Query("sum(noonmark_slots)", "slots")),
        ),
        Panel(
            "Backlog by age", "Jobs that are due and wait for a slot, counted up to 10,000.",
            (
                Query(looked("noonmark_ready_jobs"), "all"),
                Query(looked("noonmark_backlog_jobs", "older_than"), "older than {{older_than}} s"),
            ),
        ),
        Panel(
            "API latency", "From a request's arrival to the first byte of its answer.",
            quantiles("noonmark_http_request_seconds", exemplars=True), Unit.SECONDS, alarm=1,
        ),
    ),
)  # fmt: skip
