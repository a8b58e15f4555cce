"""Schedulers and reapers: how late, how full, how long things take, and what goes wrong."""

from infra.observability.dashboards.model import Dashboard, Panel, Query, Unit
from infra.observability.dashboards.queries import looked, quantiles, rate, rates, share

_GONE = "max by (how) (increase(noonmark_replicas_gone_total[1h]))"
_LIVED = "histogram_quantile(0.5, sum by (le) (rate(noonmark_replica_lifetime_seconds_bucket[1d])))"

ENGINE = Dashboard(
    "engine",
    "engine",
    (
        Panel(
            "From due to claim", "Planning, and waiting for a slot or a limit.",
            quantiles("noonmark_claim_lateness_seconds"), Unit.SECONDS,
        ),
        Panel(
            "From due to the start", "When the attempt begins.",
            quantiles("noonmark_lateness_seconds", exemplars=True), Unit.SECONDS,
        ),
        Panel(
            "From due to the first byte", "With name, dial and handshake.",
            quantiles("noonmark_first_byte_seconds", exemplars=True), Unit.SECONDS,
        ),
        Panel(
            "How long attempts take", "The target's time, mostly.",
            quantiles("noonmark_attempt_duration_seconds", exemplars=True), Unit.SECONDS,
        ),
        Panel(
            "How long a claim takes", "One statement: this is the database.",
            quantiles("noonmark_claim_seconds"), Unit.SECONDS,
        ),
        Panel(
            "How long settling takes", "One statement for up to 500 results.",
            quantiles("noonmark_settle_seconds"), Unit.SECONDS,
        ),
        Panel(
            "Claims and plans", "Jobs a second, ahead of time or when due.",
            (
                Query(rate("noonmark_claimed_total", "way"), "claimed {{way}}"),
                Query(rate("noonmark_planned_total"), "planned"),
            ),
            Unit.RATE,
        ),
        Panel(
            "Attempts that were no success", "By outcome.",
            rates('noonmark_attempts_total{outcome!="succeeded"}', "outcome"), Unit.RATE,
        ),
        Panel(
            "Retries and dead letters", "Attempts that are followed by another, and jobs given up.",
            (
                Query(rate("noonmark_retries_total"), "retried"),
                Query(rate('noonmark_jobs_ended_total{state="failed"}'), "dead letters"),
            ),
            Unit.RATE,
        ),
        Panel(
            "Rescues", "What was taken from lost replicas, dropped by the fence, or may arrive twice.",
            (
                Query(rate("noonmark_reaped_total"), "reaped"),
                Query(rate("noonmark_fenced_total"), "fenced"),
                Query(rate("noonmark_returned_total"), "given back"),
                Query(rate("noonmark_possible_duplicates_total"), "possible duplicates"),
            ),
            Unit.RATE,
        ),
        Panel(
            "Rescue rate", "Leases that a reaper took, among all attempts.",
            (Query(share(rate("noonmark_reaped_total"), rate("noonmark_attempts_total"))),),
            Unit.RATIO, alarm=0.01,
        ),
        Panel(
            "Limits hit", "Claims of limited queues with due work that gave nothing, or spent their rate.",
            rates("noonmark_limited_total", "limit"), Unit.RATE,
        ),
        Panel(
            "Replicas", "By how they are doing.",
            (Query(looked("noonmark_replicas", "state"), "{{state}}"),),
        ),
        Panel(
            "Replicas gone in the last hour", "Left in order, or lost.", (Query(_GONE, "{{how}}"),),
        ),
        Panel(
            "Median life of a replica", "Of those that ended within a day.", (Query(_LIVED),), Unit.SECONDS,
        ),
        Panel(
            "Slots by replica", "Leases held, as a share of those that may be.",
            (Query("noonmark_in_flight / (noonmark_slots > 0)", "{{instance}}"),), Unit.RATIO,
        ),
        Panel(
            "Results to be written", "They wait for the database; more than a few hundred is trouble.",
            (Query("sum(noonmark_unsettled)"),), alarm=1000,
        ),
        Panel(
            "Beats", "Missed or withheld, and times a replica stopped itself.",
            (
                Query(rate("noonmark_beats_missed_total"), "missed"),
                Query(rate("noonmark_self_fenced_total"), "fenced itself"),
            ),
            Unit.RATE,
        ),
        Panel(
            "Lines printed", "By attempts of code: stored, and not.",
            (
                Query(rate("noonmark_log_lines_total"), "stored"),
                Query(f"{rate('noonmark_log_lines_dropped_total')} or vector(0)", "dropped"),
            ),
            Unit.RATE,
        ),
        Panel(
            "Events told", "By the code of attempts: stored, and not.",
            (
                Query(rate("noonmark_events_told_total"), "stored"),
                Query(f"{rate('noonmark_events_dropped_total')} or vector(0)", "dropped"),
            ),
            Unit.RATE,
        ),
        Panel(
            "Files of attempts", "Kept, and not kept by why.",
            (
                Query(rate("noonmark_artifacts_kept_total"), "kept"),
                Query(rate("noonmark_artifacts_lost_total", "reason"), "{{reason}}"),
            ),
            Unit.RATE,
        ),
        Panel(
            "Failed passes", "Of loops, by name; the log says why.",
            (Query(f"{rate('noonmark_loop_errors_total', 'loop')} or vector(0)", "{{loop}}"),), Unit.RATE,
        ),
    ),
)  # fmt: skip
