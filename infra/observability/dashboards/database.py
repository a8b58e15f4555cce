"""PostgreSQL as Noonmark sees it: what waits, what vacuum has before it, how much is kept."""

from infra.observability.dashboards.model import Dashboard, Panel, Query, Unit
from infra.observability.dashboards.queries import looked, quantiles, rate, rates

DATABASE = Dashboard(
    "database",
    "database",
    (
        Panel(
            "Waiting and in flight", "Counted up to 10,000.",
            (
                Query(looked("noonmark_ready_jobs"), "ready"),
                Query(looked("noonmark_leased_jobs"), "leased"),
            ),
        ),
        Panel(
            "Overdue timers", "How long the first one is due and not planned.",
            (Query(looked("noonmark_overdue_timer_seconds")),), Unit.SECONDS, alarm=10,
        ),
        Panel(
            "Statements", "Medians and tails of what claims and settles.",
            (
                *(Query(one.expr, f"claim {one.legend}") for one in quantiles("noonmark_claim_seconds")),
                *(Query(one.expr, f"settle {one.legend}") for one in quantiles("noonmark_settle_seconds")),
            ),
            Unit.SECONDS,
        ),
        Panel(
            "Dead rows", "Of the busy tables, as PostgreSQL estimates them.",
            (Query(looked("noonmark_dead_rows", "table"), "{{table}}"),), alarm=500_000,
        ),
        Panel(
            "Oldest transaction", "While it is open, vacuum removes nothing younger.",
            (Query(looked("noonmark_oldest_transaction_seconds")),), Unit.SECONDS, alarm=600,
        ),
        Panel(
            "Horizon", "Transactions since the oldest that a session, a slot or a prepared one still needs.",
            (Query(looked("noonmark_horizon_age_transactions")),),
        ),
        Panel(
            "Size", "Of the whole database.", (Query(looked("noonmark_database_bytes")),), Unit.BYTES,
        ),
        Panel(
            "Rows removed", "By the reaper, by kind.",
            rates("noonmark_rows_removed_total", "kind"), Unit.RATE,
        ),
        Panel(
            "Days of history", "Ahead, and dropped in a day.",
            (
                Query(looked("noonmark_days_ahead"), "ahead"),
                Query("sum(increase(noonmark_partitions_dropped_total[1d]))", "dropped"),
            ),
        ),
        Panel(
            "What is written", "Attempts a second: each is a lease, a row of history and a settled result.",
            (Query(rate("noonmark_attempts_total"), "attempts"),), Unit.RATE,
        ),
    ),
)  # fmt: skip
