"""Every metric, in one place. Labels have a fixed small set of values: never a tenant, a job or a URL.

Durations are seconds, sizes are bytes, counters end in ``_total``. A counter whose labels are known shows
all of them from the start, at 0, so that the first event is seen as one. What has to be looked for in the
database is a Reading: it is absent wherever nobody looked.
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
from prometheus_client.openmetrics import exposition as openmetrics

from core.distribution import Distribution
from core.reading import Reading

disable_created_metrics()

_FINE = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
# A backlog may make a job hours late.
_LATE = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200)
_LIVES = (1, 10, 60, 600, 3600, 21600, 86400, 604800, 2592000)

_OUTCOMES = ("succeeded", "failed", "timed_out", "blocked", "lost", "cancelled", "interrupted")
_NOT_KEPT = (
    "unsafe_name", "not_a_file", "unreadable", "too_large", "too_many", "over_quota", "out_of_time",
    "not_stored",
)  # fmt: skip
_OPENMETRICS = "application/openmetrics-text"


def _counter(name: str, documentation: str, label: str, values: tuple[str, ...]) -> Counter:
    counter = Counter(name, documentation, [label])
    for value in values:
        counter.labels(value)
    return counter


jobs_created = Counter("noonmark_jobs_created_total", "Jobs accepted and committed.")
jobs_ended = _counter(
    "noonmark_jobs_ended_total",
    "Jobs that reached their terminal state; one that failed is a dead letter.",
    "state",
    ("succeeded", "failed", "cancelled"),
)
attempts = _counter("noonmark_attempts_total", "Finished attempts.", "outcome", _OUTCOMES)
retries = Counter("noonmark_retries_total", "Attempts after which the job waits for another.")
lateness = Distribution(
    "noonmark_lateness_seconds",
    "From the due instant to the start of the attempt.",
    buckets=_LATE,
    registry=REGISTRY,
)
claim_lateness = Distribution(
    "noonmark_claim_lateness_seconds",
    "From the due instant to the claim; 0 if it was claimed ahead.",
    buckets=_LATE,
    registry=REGISTRY,
)
first_byte = Distribution(
    "noonmark_first_byte_seconds",
    "From the due instant to the first byte of the call, after name, dial and handshake.",
    buckets=_LATE,
    registry=REGISTRY,
)
duration = Distribution(
    "noonmark_attempt_duration_seconds",
    "From the start of an attempt to its end.",
    buckets=_FINE,
    registry=REGISTRY,
)
in_flight = Gauge("noonmark_in_flight", "Leases of this replica whose attempt has not ended.")
slots = Gauge("noonmark_slots", "Attempts this replica may have in flight.")
unsettled = Gauge("noonmark_unsettled", "Results of this replica that wait to be written.")
claimed = _counter("noonmark_claimed_total", "Leases taken.", "way", ("ahead", "ready"))
limited = _counter(
    "noonmark_limited_total",
    "Claims of a limited queue with due work that gave nothing, or spent its rate.",
    "limit",
    ("concurrency", "rate"),
)
planned = Counter("noonmark_planned_total", "Due timers moved to the ready table.")
fenced = Counter("noonmark_fenced_total", "Results dropped because somebody else owned the job by then.")
returned = Counter("noonmark_returned_total", "Leases given back before they were started.")
possible_duplicates = Counter(
    "noonmark_possible_duplicates_total", "Calls aborted after bytes were sent, whose job is delivered again."
)
ready_jobs = Reading(
    "noonmark_ready_jobs",
    "Jobs that are due and wait for a slot; counted up to 10,000.",
    registry=REGISTRY,
)
backlog_jobs = Reading(
    "noonmark_backlog_jobs",
    "Ready jobs that have been due for longer than so many seconds.",
    label="older_than",
    registry=REGISTRY,
)
leased_jobs = Reading(
    "noonmark_leased_jobs", "Jobs in flight in the whole fleet; counted up to 10,000.", registry=REGISTRY
)
oldest_ready = Reading(
    "noonmark_oldest_ready_seconds",
    "How long the longest waiting ready job has been due.",
    registry=REGISTRY,
)
overdue_timer = Reading(
    "noonmark_overdue_timer_seconds", "How long the first timer is due and not planned.", registry=REGISTRY
)
oldest_mail = Reading(
    "noonmark_oldest_mail_seconds", "How long the longest waiting mail has waited.", registry=REGISTRY
)
oldest_transaction = Reading(
    "noonmark_oldest_transaction_seconds",
    "Age of the database's oldest transaction, which holds vacuum back.",
    registry=REGISTRY,
)
horizon_age = Reading(
    "noonmark_horizon_age_transactions",
    "Transactions since the oldest one that a session, a slot or a prepared one still needs.",
    registry=REGISTRY,
)
dead_rows = Reading(
    "noonmark_dead_rows",
    "Dead rows of the busy tables, as PostgreSQL estimates them.",
    label="table",
    registry=REGISTRY,
)
days_ahead = Reading(
    "noonmark_days_ahead", "Whole days after today for which history has its place.", registry=REGISTRY
)
database_bytes = Reading("noonmark_database_bytes", "Size of the database.", registry=REGISTRY)
replicas = Reading("noonmark_replicas", "Scheduler replicas.", label="state", registry=REGISTRY)
replicas_gone = _counter(
    "noonmark_replicas_gone_total",
    "Scheduler replicas that left in order, or were lost.",
    "how",
    ("left", "lost"),
)
replica_lifetime = Distribution(
    "noonmark_replica_lifetime_seconds",
    "From the start of a replica to its end.",
    buckets=_LIVES,
    registry=REGISTRY,
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
artifacts_lost = _counter(
    "noonmark_artifacts_lost_total",
    "Files that attempts left and that were not kept.",
    "reason",
    _NOT_KEPT,
)
events_told = Counter("noonmark_events_told_total", "Events told by the code of attempts and stored.")
events_dropped = Counter(
    "noonmark_events_dropped_total", "Events told by the code of attempts and not stored.", ["reason"]
)
beats_missed = Counter("noonmark_beats_missed_total", "Beats that failed or were withheld.")
self_fenced = Counter(
    "noonmark_self_fenced_total", "Times a replica stopped itself because its lease ran out."
)
settle_seconds = Histogram("noonmark_settle_seconds", "One settling statement.", buckets=_FINE)
claim_seconds = Histogram("noonmark_claim_seconds", "One claiming round.", buckets=_FINE)
loop_errors = Counter("noonmark_loop_errors_total", "Failed passes of a loop.", ["loop"])
hints_sent = Counter("noonmark_hints_sent_total", "Wake-up hints sent to a replica.")
mails = _counter(
    "noonmark_mails_total", "Mails by what became of them.", "outcome", ("sent", "postponed", "failed")
)
requests = Counter("noonmark_http_requests_total", "API requests answered.", ["method", "status"])
requests_in_flight = Gauge("noonmark_http_requests_in_flight", "API requests under way, streams too.")
request_seconds = Distribution(
    "noonmark_http_request_seconds",
    "From an API request's arrival to the first byte of its answer.",
    buckets=_FINE,
    registry=REGISTRY,
)
spans = _counter(
    "noonmark_spans_total",
    "Spans of traces by what became of them.",
    "fate",
    ("exported", "failed", "dropped"),
)


def render(accept: str = "") -> tuple[bytes, str]:
    """The exposition and its content type; OpenMetrics, which has exemplars, for who takes that."""
    if _OPENMETRICS in accept:
        return openmetrics.generate_latest(REGISTRY), openmetrics.CONTENT_TYPE_LATEST
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
