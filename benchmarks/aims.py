"""What the product is to reach, and whether it did: ratios within one run, where that is possible."""

from collections.abc import Callable, Mapping

import msgspec

from benchmarks import results

Found = Mapping[str, float | str]


class Aim(msgspec.Struct, frozen=True):
    """One aim; ``at_most`` or else at least ``bound``."""

    says: str
    measured: Callable[[Found], float | None]
    bound: float
    at_most: bool = False

    def met(self, value: float) -> bool:
        return value <= self.bound if self.at_most else value >= self.bound


def _figure(key: str) -> Callable[[Found], float | None]:
    return lambda found: results.number(found, key)


def _ratio(above: str, below: str) -> Callable[[Found], float | None]:
    def of(found: Found) -> float | None:
        first, second = results.number(found, above), results.number(found, below)
        return first / second if first is not None and second else None

    return of


def _sum(*keys: str) -> Callable[[Found], float | None]:
    def of(found: Found) -> float | None:
        values = [results.number(found, key) for key in keys]
        known = [value for value in values if value is not None]
        return sum(known) if len(known) == len(keys) else None

    return of


AIMS = (
    Aim("HTTP jobs/s to the best peer's", _ratio("http_jobs_per_s", "best_peer_http_jobs_per_s"), 2.0),
    Aim("HTTP jobs/s to the sender's alone", _ratio("http_jobs_per_s", "raw_sender_per_s"), 0.4),
    Aim("CPU of a job, scheduler and PostgreSQL, µs", _sum("cpu_us_per_job", "pg_cpu_us_per_job"), 100, True),
    Aim("lateness at 1,000/s, p50, ms", _figure("lateness_p50_ms"), 2, True),
    Aim("lateness at 1,000/s, p99, ms", _figure("lateness_p99_ms"), 5, True),
    Aim("calls before their time", _figure("lateness_early"), 0, True),
    Aim("CPU of a job with 10 M timers to that without", _figure("timers_10m_ratio"), 1.1, True),
    Aim("buffers of a job with 10 M timers to those without", _figure("timers_10m_buffers_ratio"), 1.1, True),
    Aim("CPU of a job with 5 M finished ones to that without", _figure("finished_5m_ratio"), 1.1, True),
    Aim("CPU of a job with 10,000 tenants to that with one", _figure("tenants_10000_ratio"), 1.1, True),
    Aim(
        "PostgreSQL's CPU of a job with 8 replicas to that with one",
        _figure("replicas_8_pg_cpu_ratio"),
        1.25,
        True,
    ),
    Aim("claim p99 after a pinned transaction to that before", _figure("pinned_claim_p99_ratio"), 3, True),
    Aim("WAL of a job of 1 KiB, created and run, bytes", _figure("wal_create_and_run"), 3686, True),
    Aim("WAL of running it alone, bytes", _figure("wal_run"), 1638, True),
    Aim("statements a second of an idle replica", _figure("idle_scheduler_statements_per_s"), 2, True),
    Aim("CPU of an idle replica, % of a core", _figure("idle_scheduler_cpu_percent"), 0.5, True),
    Aim("creates to bare inserts", _ratio("api_create_per_s", "api_bare_insert_per_s"), 0.8),
    Aim("create p99 at 64 connections, ms", _figure("api_create_p99_ms"), 25, True),
    Aim(
        "jobs created in batches to a raw `unnest` of the same rows",
        _ratio("api_batch_jobs_per_s", "api_bare_unnest_jobs_per_s"),
        1 / 3,
    ),
    Aim(
        "calls beside 200 processes that print to calls alone",
        _ratio("code_printing_jobs_per_s", "code_quiet_jobs_per_s"),
        0.9,
    ),
    Aim("memory with 1,000 calls in flight, MB", _figure("memory_rss_mb"), 150, True),
)
