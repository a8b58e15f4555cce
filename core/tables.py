"""The whole schema on one page, but for what jobs are made of and wait in (`core.catalogue`).

Where a job stands is its state: `timers` waiting, `ready` due, `leases` in flight, `endings` over. There is
no status column, so nothing wide or indexed is updated on the hot path. No foreign keys touch the hot
tables: their share locks would turn into multixacts under load.

`attempts`, `events` and `logs` are append-only and range-partitioned by day on their own UUIDv7, which is
made of the database's clock (`mint`, `stamp`); `ensure_partitions` makes the days ahead. An event is written
only for what no other row says: the view `history` adds a job's creation and attempts' starts (migrations).
"""

from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Float,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from core import catalogue as catalogue
from core.artifact_tables import artifacts as artifacts
from core.columns import CHURN as _CHURN
from core.columns import at as _at
from core.columns import metadata as metadata
from core.columns import table as _table
from core.columns import uuid as _uuid

tenants = _table(
    "tenants",
    _uuid("id", key=True),
    Column("name", Text, nullable=False),
    _at("created_at", now=True),
    # Settings; null is the default of this version.
    Column("request_rate", Float),
    Column("request_burst", Integer),
    Column("keep_jobs_days", Integer),
    Column("keep_history_days", Integer),
    Column("keep_dead_letters_days", Integer),
    _at("erased_at", nullable=True),
    Index("tenants_erased_at_idx", "erased_at", postgresql_where=text("erased_at IS NOT NULL")),
)

users = _table(
    "users",
    _uuid("id", key=True),
    Column("email", Text, nullable=False, unique=True),
    _uuid("tenant_id"),
    _at("created_at", now=True),
)

magic_links = _table(
    "magic_links",
    Column("token_hash", LargeBinary, primary_key=True),
    Column("email", Text, nullable=False),
    _at("created_at", now=True),
    _at("expires_at"),
    _at("used_at", nullable=True),
)

sessions = _table(
    "sessions",
    _uuid("id", key=True),
    _uuid("user_id"),
    _uuid("tenant_id"),
    _at("created_at", now=True),
    _at("expires_at"),
    _at("revoked_at", nullable=True),
    Index("sessions_user_id_idx", "user_id"),
)

refresh_tokens = _table(
    "refresh_tokens",
    Column("token_hash", LargeBinary, primary_key=True),
    _uuid("session_id"),
    _at("created_at", now=True),
    _at("expires_at"),
    _at("used_at", nullable=True),
    Index("refresh_tokens_session_id_idx", "session_id"),
)

api_tokens = _table(
    "api_tokens",
    _uuid("id", key=True),
    _uuid("tenant_id"),
    Column("name", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("scopes", ARRAY(Text), nullable=False),
    _at("created_at", now=True),
    _at("expires_at", nullable=True),
    _at("last_used_at", nullable=True),
    Index("api_tokens_tenant_id_id_idx", "tenant_id", "id"),
)

# How far ahead of the clock a tenant's requests have been spent, and what the last taking got. Not logged: a
# crash makes every bucket full, which harms nobody, and taking from one never waits for the disk.
request_buckets = _table(
    "request_buckets",
    _uuid("tenant_id", key=True),
    _at("spent_until"),
    Column("granted", Integer, nullable=False),
    prefixes=["UNLOGGED"],
    postgresql_with={"fillfactor": 50},
)

# Who changed what, written in the transaction that changed it. Never holds a secret.
audit = _table(
    "audit",
    _uuid("id", key=True),
    _uuid("tenant_id"),
    _at("at", now=True),
    Column("actor", Text, nullable=False),
    _uuid("actor_id", nullable=True),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", JSONB),
    Column("request_id", Text, nullable=False),
    Index("audit_tenant_id_id_idx", "tenant_id", "id"),
)

# A counted window of something that is limited, whoever counts: `key` names what and whom.
windows = _table(
    "windows",
    Column("key", Text, primary_key=True),
    Column("started_at", DateTime(timezone=True), primary_key=True),
    Column("hits", Integer, nullable=False),
)

# The mail itself holds a live link, so it is sealed, and dropped once it was sent.
mails = _table(
    "mails",
    _uuid("id", key=True),
    Column("recipient", Text, nullable=False),
    Column("sealed", LargeBinary),
    _at("created_at", now=True),
    _at("due_at", now=True),
    Column("attempts", SmallInteger, nullable=False, server_default=text("0")),
    _at("sent_at", nullable=True),
    _at("failed_at", nullable=True),
    Column("last_error", Text),
    Index("mails_waiting_idx", "due_at", postgresql_where=text("sent_at IS NULL AND failed_at IS NULL")),
    Index("mails_recipient_idx", "recipient", "created_at"),
)

signing_secrets = _table(
    "signing_secrets",
    _uuid("id", key=True),
    _uuid("tenant_id"),
    Column("sealed", LargeBinary, nullable=False),
    _at("created_at", now=True),
    _at("expires_at", nullable=True),
    Index("signing_secrets_tenant_id_idx", "tenant_id"),
)


def _request() -> list[Column[Any]]:
    """What the user asked for: shared by a job and by its dead letter, which keeps its own copy."""
    return [
        _uuid("tenant_id"),
        _uuid("queue_id"),
        Column("priority", SmallInteger, nullable=False),
        Column("target_type", Text, nullable=False),
        Column("target", JSONB, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("sealed_headers", LargeBinary),
        Column("timeout_seconds", Integer, nullable=False),
        Column("success", JSONB, nullable=False),
        Column("retry", JSONB, nullable=False),
        Column("labels", JSONB, nullable=False),
        _at("fire_at"),
        _at("expires_at", nullable=True),
        Column("uniqueness", JSONB),
    ]


jobs = _table(
    "jobs",
    _uuid("id", key=True),
    *_request(),
    _uuid("replay_of", nullable=True),
    Column("request_id", Text, nullable=False),
    Column("trace", Text),
    _at("created_at", now=True),
    # Whether it went straight to `ready`; the history says so.
    Column("due_at_once", Boolean, nullable=False, server_default=text("false")),
    Index("jobs_tenant_id_id_idx", "tenant_id", "id"),
)

dead_letters = _table(
    "dead_letters",
    _uuid("job_id", key=True),
    *_request(),
    Column("attempts", SmallInteger, nullable=False),
    Column("error_code", Text),
    Column("error_message", Text),
    _at("created_at"),
    _at("failed_at"),
    _uuid("replayed_as", nullable=True),
    Index("dead_letters_tenant_id_job_id_idx", "tenant_id", "job_id"),
)


def _waiting() -> list[Column[Any]]:
    """What travels with a job from table to table. `losses` counts lost attempts in a row."""
    return [
        _uuid("tenant_id"),
        _uuid("queue_id"),
        _at("due_at"),
        Column("attempt", SmallInteger, nullable=False),
        Column("losses", SmallInteger, nullable=False),
        Column("priority", SmallInteger, nullable=False),
        _needs(),
    ]


def _needs(*, key: bool = False) -> Column[Any]:
    """What a replica must offer to carry the job out (`core.jobs.model.Needs`)."""
    return Column(
        "needs", SmallInteger, primary_key=key, autoincrement=False, nullable=False, server_default=text("0")
    )


timers = _table(
    "timers",
    _uuid("job_id", key=True),
    *_waiting(),
    Index("timers_due_at_job_id_idx", "due_at", "job_id"),
    postgresql_with=_CHURN,
)

ready = _table(
    "ready",
    _needs(key=True),
    Column("queue_id", UUID(as_uuid=True), primary_key=True),
    Column("rank_at", DateTime(timezone=True), primary_key=True),
    Column("job_id", UUID(as_uuid=True), primary_key=True),
    *[column for column in _waiting() if column.name not in ("needs", "queue_id")],
    Index("ready_job_id_idx", "job_id", unique=True),
    postgresql_with=_CHURN,
)

leases = _table(
    "leases",
    _uuid("job_id", key=True),
    *_waiting(),
    _uuid("lease_token"),
    _uuid("replica_id"),
    _at("claimed_at"),
    _at("deadline_at"),
    _at("cancel_requested_at", nullable=True),
    # Whether it counts for a limit.
    Column("limited", Boolean, nullable=False, server_default=text("false")),
    # The limit that its queue shares.
    _uuid("shares", nullable=True),
    Index("leases_shares_idx", "shares", postgresql_where=text("shares IS NOT NULL")),
    Index("leases_queue_id_idx", "queue_id", postgresql_where=text("limited")),
    Index("leases_tenant_id_idx", "tenant_id", postgresql_where=text("limited")),
    postgresql_with=_CHURN,
)

# One row a job, ever: the primary key is the promise that a terminal state never changes.
endings = _table(
    "endings",
    _uuid("job_id", key=True),
    _uuid("tenant_id"),
    Column("state", Text, nullable=False),
    Column("attempts", SmallInteger, nullable=False),
    Column("error_code", Text),
    Column("error_message", Text),
    _at("started_at", nullable=True),
    _at("finished_at"),
    _at("cancel_requested_at", nullable=True),
    Index("endings_tenant_id_state_job_id_idx", "tenant_id", "state", "job_id"),
)

attempts = _table(
    "attempts",
    _uuid("job_id", key=True),
    _uuid("id", key=True),
    _uuid("tenant_id"),
    Column("number", SmallInteger, nullable=False),
    _uuid("lease_token"),
    _uuid("replica_id"),
    Column("outcome", Text, nullable=False),
    _at("started_at"),
    _at("finished_at"),
    Column("duration_ms", Float, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("bytes_sent", Integer, nullable=False),
    Column("status", SmallInteger),
    Column("headers", LargeBinary),
    Column("body", LargeBinary),
    Column("truncated", Boolean, nullable=False),
    Column("error_code", Text),
    Column("error_message", Text),
    postgresql_partition_by="RANGE (id)",
)

events = _table(
    "events",
    _uuid("job_id", key=True),
    _uuid("id", key=True),
    _uuid("tenant_id"),
    Column("kind", Text, nullable=False),
    _at("at"),
    Column("attempt", SmallInteger),
    Column("data", JSONB),
    postgresql_partition_by="RANGE (id)",
)

# What attempts print: a row has one or more lines of one stream, joined by newlines. `sequence` numbers the
# last of them, so that what follows a line begins with the first row that is greater.
logs = _table(
    "logs",
    _uuid("job_id", key=True),
    Column("attempt", SmallInteger, primary_key=True),
    Column("sequence", Integer, primary_key=True),
    _uuid("id", key=True),
    _uuid("tenant_id"),
    _uuid("lease_token"),
    _at("at"),
    Column("stream", Text, nullable=False),
    Column("lines", SmallInteger, nullable=False),
    Column("text", Text, nullable=False),
    Column("mark", Text),
    postgresql_partition_by="RANGE (id)",
)

idempotency_keys = _table(
    "idempotency_keys",
    Column("tenant_id", UUID(as_uuid=True), primary_key=True),
    Column("scope", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_hash", LargeBinary, nullable=False),
    _uuid("job_id"),
    _at("expires_at"),
    Index("idempotency_keys_expires_at_idx", "expires_at"),
)

# Which job holds what it is unique by. Nothing is told here when that job ends: who comes next looks (see
# `app.jobs.unique`), so a row may be stale, and the reaper takes it away some time.
uniques = _table(
    "uniques",
    Column("tenant_id", UUID(as_uuid=True), primary_key=True),
    Column("queue_id", UUID(as_uuid=True), primary_key=True),
    Column("key_hash", LargeBinary, primary_key=True),
    _uuid("job_id"),
    _at("until", nullable=True),
)

replicas = _table(
    "replicas",
    _uuid("id", key=True),
    _at("started_at", now=True),
    _at("beat_at"),
    _at("expires_at"),
    Column("draining", Boolean, nullable=False, server_default=text("false")),
    Column("concurrency", Integer, nullable=False),
    Column("host", Text, nullable=False),
    # Which needs it answers.
    Column("offers", ARRAY(SmallInteger), nullable=False, server_default=text("'{0}'")),
    postgresql_with={"fillfactor": 50},
)
