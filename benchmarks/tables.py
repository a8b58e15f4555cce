"""The tables of the page: which figures stand in which, under which words."""

from collections.abc import Sequence

import msgspec


class Row(msgspec.Struct, frozen=True):
    """A line of a table: what it is called, and the key of each of its columns."""

    label: str
    keys: tuple[str, ...]


class Table(msgspec.Struct, frozen=True):
    """One section of the page."""

    title: str
    says: str
    columns: tuple[str, ...]
    rows: Sequence[Row]


PEERS = {"bullmq": "bullmq", "graphile_worker": "graphile-worker", "pgqueuer": "pgqueuer"}
_COSTS = (
    "jobs_per_s",
    "cpu_us_per_job",
    "pg_cpu_us_per_job",
    "statements_per_job",
    "buffers_per_job",
    "wal_bytes_per_job",
)
_PEER_COSTS = ("jobs_per_s", "cpu_us_per_job", "store_cpu_us_per_job", "-", "-", "-")
_LATE = ("p50_ms", "p99_ms", "max_ms", "early")


def _row(label: str, prefix: str, fields: Sequence[str]) -> Row:
    return Row(label, tuple("-" if field == "-" else prefix + field for field in fields))


def _peers(kind: str, fields: Sequence[str], label: str = "{}") -> list[Row]:
    return [_row(label.format(name), f"peer_{slug}_{kind}", fields) for slug, name in PEERS.items()]


THROUGHPUT = Table(
    "Throughput",
    "Jobs that are all due are drained; the middle 70 % are measured. Each job is one POST of 100 bytes that "
    "is answered with 100 bytes. CPU is in µs a job: of the scheduler or worker, and of its store, which is "
    "PostgreSQL or redis.",
    ("", "a second", "CPU", "store's CPU", "statements", "buffers", "WAL bytes"),
    [
        _row("**one scheduler**", "http_", _COSTS),
        _row("two schedulers", "http_two_", _COSTS),
        Row("what the receiver takes, by our load", ("receiver_load_per_s", "-", "-", "-", "-", "-")),
        Row("what the receiver takes, by wrk", ("receiver_wrk_per_s", "-", "-", "-", "-", "-")),
        Row("the sender alone", ("raw_sender_per_s", "raw_sender_cpu_us", "-", "-", "-", "-")),
        *_peers("http_", _PEER_COSTS),
        _row("claim and settle, no HTTP", "bare_loop_", _COSTS),
        _row("a scheduler whose calls are answered unsent", "noop_", _COSTS),
        *_peers("noop_", _PEER_COSTS, "{}, jobs that do nothing"),
    ],
)
LATENESS = Table(
    "Lateness",
    "From the instant a job is due to the arrival of its call at the receiver, milliseconds. The jobs are "
    "stored beforehand and spread evenly; the first tenth is left out, for everybody.",
    ("", "p50", "p99", "most", "calls before their time"),
    [
        _row("100 a second", "lateness_100_", _LATE),
        _row("**1,000 a second**", "lateness_", _LATE),
        _row("half of the most", "lateness_half_", _LATE),
        _row("10,000 at the same instant", "lateness_at_once_", _LATE),
        _row("second attempts, 1,000 a second", "lateness_retries_", _LATE),
        *_peers("lateness_", _LATE, "{}, 1,000 a second"),
    ],
)
_API = ("per_s", "p50_ms", "p99_ms", "cpu_us", "refused")
API = Table(
    "API",
    "One process, 64 connections (4 for many at once), requests as fast as they are answered. The bare "
    "server is the same ASGI server with one token look-up and one INSERT. The raw `unnest` writes the same "
    "rows as many at once do, of `jobs` and of `timers`, all columns and all indexes, from 4 connections "
    "that do nothing else.",
    ("", "a second", "p50 ms", "p99 ms", "CPU µs", "refused"),
    [
        _row("**create**", "api_create_", _API),
        _row("the bare server", "api_bare_insert_", _API),
        _row("create 1,000 at once (requests)", "api_batch_requests_", _API),
        Row("create 1,000 at once (jobs)", ("api_batch_jobs_per_s", "-", "-", "-", "-")),
        Row("a raw `unnest` of the same 1,000 (rows)", ("api_bare_unnest_jobs_per_s", "-", "-", "-", "-")),
        _row("read one", "api_get_", _API),
        _row("list 20", "api_list_", _API),
    ],
)
_IDLE = ("statements_per_s", "cpu_percent", "pg_cpu_percent")
IDLE = Table(
    "Idling",
    "With nothing to do; CPU in percent of one core.",
    ("", "statements a second", "CPU %", "PostgreSQL's CPU %"),
    [_row("scheduler", "idle_scheduler_", _IDLE), _row("reaper", "idle_reaper_", _IDLE)],
)
MEMORY = Table(
    "Memory and WAL",
    "1,000 calls in flight with bodies of 1 KiB; WAL of a job with 1 KiB of body and an answer of 100 bytes, "
    "without the full pages that follow a checkpoint.",
    ("", ""),
    [
        Row("resident memory of the scheduler, MB", ("memory_rss_mb",)),
        Row("WAL of creating a job (500 to a statement), bytes", ("wal_create",)),
        Row("WAL of running it, bytes", ("wal_run",)),
    ],
)
_CODE = ("ms", "bare_ms", "ratio")
CODE = Table(
    "Code",
    "One attempt after another of a program that does nothing, from the making of its folder to the removal "
    "of all that was left, beside a bare `posix_spawn` and beside `docker run --rm`. And how fast calls due "
    "at one instant are made by a scheduler beside 200 processes of which each prints ten lines a second.",
    ("", "ms", "the bare one, ms", "ratio"),
    [
        _row("a process", "code_process_", _CODE),
        _row("a container", "code_docker_", _CODE),
        Row("calls a second, no process beside them", ("code_quiet_jobs_per_s", "-", "-")),
        Row("calls a second, 200 that print", ("code_printing_jobs_per_s", "-", "-")),
    ],
)
_RATIOS = ("ratio", "pg_cpu_ratio", "buffers_ratio", "rate_ratio")
GROWTH = Table(
    "Growth",
    "What a job costs in a big database to what it costs in a small one, or with one tenant, or one replica.",
    ("", "CPU, all", "PostgreSQL's CPU", "buffers", "rate"),
    [
        _row("10 M future timers", "timers_10m_", _RATIOS),
        _row("5 M finished jobs", "finished_5m_", _RATIOS),
        _row("100 tenants with due work", "tenants_100_", _RATIOS),
        _row("10,000 tenants with due work", "tenants_10000_", _RATIOS),
        _row("2 replicas", "replicas_2_", _RATIOS),
        _row("4 replicas", "replicas_4_", _RATIOS),
        _row("8 replicas", "replicas_8_", _RATIOS),
    ],
)
ENDURANCE = Table(
    "Endurance",
    "Ten minutes at 500 jobs/s with a transaction pinned open; a backlog of a million while another tenant's "
    "100 jobs/s want to be on time; ten minutes of soak at 500 jobs/s.",
    ("", ""),
    [
        Row("pinned: p99 of a claim, first minute, ms", ("pinned_claim_p99_start_ms",)),
        Row("pinned: p99 of a claim, last minute, ms", ("pinned_claim_p99_end_ms",)),
        Row("pinned: lateness p99, ms", ("pinned_late_p99_ms",)),
        Row("pinned: dead rows at the end", ("pinned_dead_rows",)),
        Row("backlog: drained, jobs/s", ("backlog_1m_jobs_per_s",)),
        Row("backlog: the other tenant's lateness p99, ms", ("backlog_1m_late_p99_ms",)),
        Row("soak: lateness p99, ms", ("soak_late_p99_ms",)),
        Row("soak: resident memory at the end, MB", ("soak_rss_mb",)),
        Row("soak: its growth after the first third, MB", ("soak_rss_growth_mb",)),
    ],
)
ALL = (THROUGHPUT, LATENESS, API, IDLE, MEMORY, CODE, GROWTH, ENDURANCE)
