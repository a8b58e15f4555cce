"""Tables of what jobs are made of and wait in: definitions, functions, queues and their limits."""

from sqlalchemy import Boolean, Column, Float, Index, Integer, LargeBinary, SmallInteger, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from core.columns import at, table, uuid

_KEPT = text("deleted_at IS NULL")
queues = table(
    "queues",
    uuid("id", key=True),
    uuid("tenant_id"),
    Column("name", Text, nullable=False),
    Column("paused", Boolean, nullable=False, server_default=text("false")),
    at("created_at", now=True),
    # For jobs that give none; null is the default of this version.
    Column("retry", JSONB),
    Column("timeout_seconds", Integer),
    # Whether `limits` has a row of it or of its tenant. Whoever changes that holds the tenant's row.
    Column("limited", Boolean, nullable=False, server_default=text("false")),
    # A queue outlives its deletion: the jobs that ended in it still name it.
    at("deleted_at", nullable=True),
    # Whether it is the lane of a limited definition or function: no job is moved in or out. `shares` is a
    # limit, besides its own and its tenant's, that lanes of several tenants have together.
    Column("lane", Boolean, nullable=False, server_default=text("false")),
    uuid("shares", nullable=True),
    Index("queues_tenant_id_name_idx", "tenant_id", "name", unique=True, postgresql_where=_KEPT),
)

# A row for each limited queue, tenant or function, under its id. `spent_until`: how far ahead of the clock
# its rate was spent. While `since` is set nothing is claimed: `awaits` names transactions that may not know
# of the limit.
limits = table(
    "limits",
    uuid("id", key=True),
    Column("max_concurrency", Integer),
    Column("rate_count", Integer),
    Column("rate_seconds", Float),
    Column("rate_burst", Integer),
    at("spent_until", now=True),
    at("since", nullable=True),
    Column("awaits", ARRAY(Text)),
    postgresql_with={"fillfactor": 50},
)

# Templates of jobs. `target` is text, not JSONB, because a body's bytes are kept as they were given.
definitions = table(
    "definitions",
    uuid("id", key=True),
    uuid("tenant_id"),
    Column("key", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("description", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("sealed_headers", LargeBinary),
    Column("timeout_seconds", Integer),
    Column("priority", SmallInteger, nullable=False),
    Column("queue", Text, nullable=False),
    Column("labels", JSONB, nullable=False),
    Column("retry", JSONB),
    Column("success", JSONB, nullable=False),
    Column("concurrency_limit", Integer),
    Column("params_schema", JSONB),
    Column("result_schema", JSONB),
    at("created_at", now=True),
    at("changed_at", now=True),
    Index("definitions_tenant_id_key_version_idx", "tenant_id", "key", "version", unique=True),
    Index("definitions_tenant_id_id_idx", "tenant_id", "id"),
)

# What schedulers have loaded, for everybody to see. A limited one has a row in `limits` under its id.
functions = table(
    "functions",
    uuid("id", key=True),
    Column("key", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("description", Text, nullable=False),
    Column("timeout_seconds", Integer, nullable=False),
    Column("max_attempts", SmallInteger, nullable=False),
    Column("concurrency", Integer),
    Column("params_schema", JSONB),
    at("created_at", now=True),
    at("changed_at", now=True),
    Index("functions_key_version_idx", "key", "version", unique=True),
)
