"""Every metric, in one place. Labels have a fixed small set of values: never a tenant, a job or a URL.

Durations are seconds, sizes are bytes, counters end in ``_total``.
"""

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)

from core.distribution import Distribution

disable_created_metrics()

_FINE = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

jobs_created = Counter("noonmark_jobs_created_total", "Jobs accepted and committed.")
jobs_ended = Counter("noonmark_jobs_ended_total", "Jobs that reached their terminal state.", ["state"])
attempts = Counter("noonmark_attempts_total", "Finished attempts.", ["outcome"])
retries = Counter("noonmark_retries_total", "Attempts after which the job waits for another.")
lateness = Distribution(
    "noonmark_lateness_seconds",
    "From the due instant to the start of the attempt.",
    buckets=_FINE,
    registry=REGISTRY,
)
duration = Distribution(
    "noonmark_attempt_duration_seconds",
    "From the start of an attempt to its end.",
    buckets=_FINE,
    registry=REGISTRY,
)
in_flight = Gauge("noonmark_in_flight", "Leases this replica holds.")
claimed = Counter("noonmark_claimed_total", "Leases taken.", ["way"])
planned = Counter("noonmark_planned_total", "Due timers moved to the ready table.")
fenced = Counter("noonmark_fenced_total", "Results dropped because somebody else owned the job by then.")
returned = Counter("noonmark_returned_total", "Leases given back before they were started.")
possible_duplicates = Counter(
    "noonmark_possible_duplicates_total", "Calls aborted after bytes were sent, whose job is delivered again."
)
ready_jobs = Gauge("noonmark_ready_jobs", "Jobs that are due and wait for a slot; counted up to 10,000.")
leased_jobs = Gauge("noonmark_leased_jobs", "Jobs in flight in the whole fleet; counted up to 10,000.")
oldest_ready = Gauge("noonmark_oldest_ready_seconds", "How long the longest waiting ready job has been due.")
overdue_timer = Gauge("noonmark_overdue_timer_seconds", "How long the first timer is due and not planned.")
oldest_transaction = Gauge(
    "noonmark_oldest_transaction_seconds",
    "Age of the database's oldest transaction, which holds vacuum back.",
)
reaped = Counter("noonmark_reaped_total", "Leases taken from replicas that stopped beating or overran.")
rows_removed = Counter(
    "noonmark_rows_removed_total", "Rows that had outlived their use or their retention, removed.", ["kind"]
)
partitions_dropped = Counter("noonmark_partitions_dropped_total", "Days of history dropped whole.")
log_lines = Counter("noonmark_log_lines_total", "Lines printed by attempts and stored.")
log_lines_dropped = Counter(
    "noonmark_log_lines_dropped_total", "Lines printed by attempts and not stored.", ["reason"]
)
artifacts_kept = Counter("noonmark_artifacts_kept_total", "Files of attempts that were kept.")
artifacts_lost = Counter(
    "noonmark_artifacts_lost_total", "Files that attempts left and that were not kept.", ["reason"]
)
beats_missed = Counter("noonmark_beats_missed_total", "Beats that failed or were withheld.")
self_fenced = Counter(
    "noonmark_self_fenced_total", "Times a replica stopped itself because its lease ran out."
)
settle_seconds = Histogram("noonmark_settle_seconds", "One settling statement.", buckets=_FINE)
claim_seconds = Histogram("noonmark_claim_seconds", "One claiming round.", buckets=_FINE)
loop_errors = Counter("noonmark_loop_errors_total", "Failed passes of a loop.", ["loop"])
hints_sent = Counter("noonmark_hints_sent_total", "Wake-up hints sent to a replica.")
mails = Counter("noonmark_mails_total", "Mails by what became of them.", ["outcome"])
requests = Counter("noonmark_http_requests_total", "API requests answered.", ["method", "status"])
request_seconds = Histogram("noonmark_http_request_seconds", "API requests.", buckets=_FINE)


def render() -> tuple[bytes, str]:
    """The exposition text and its content type."""
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
