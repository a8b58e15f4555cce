"""Files of jobs. Their content is in the storage, under ids alone; who owns a file is said here only."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, SmallInteger, Text, text

from core.columns import at, table, uuid

# A row is written before the storage has a byte, and goes after it has none. It is seen once `stored_at` is
# set, and until `deleted_at` is. What was never stored is marked at `expires_at`. `put_until`: somebody is
# uploading it; `put_at`: that is done. `emptied_at`: it is out of the storage; the row stays for a while, for
# who was still writing.
artifacts = table(
    "artifacts",
    uuid("id", key=True),
    uuid("tenant_id"),
    uuid("job_id"),
    # 0: uploaded.
    Column("attempt", SmallInteger, nullable=False, server_default=text("0")),
    Column("name", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", LargeBinary),
    Column("content_type", Text, nullable=False),
    at("created_at", now=True),
    at("expires_at", nullable=True),
    at("put_until", nullable=True),
    at("put_at", nullable=True),
    at("stored_at", nullable=True),
    at("deleted_at", nullable=True),
    at("emptied_at", nullable=True),
    Index(
        "artifacts_job_id_attempt_name_idx", "job_id", "attempt", "name",
        unique=True, postgresql_where=text("deleted_at IS NULL"),
    ),
    Index("artifacts_tenant_id_idx", "tenant_id"),
    Index("artifacts_expires_at_idx", "expires_at", postgresql_where=text("deleted_at IS NULL")),
    Index("artifacts_deleted_idx", "id", postgresql_where=text("deleted_at IS NOT NULL")),
)  # fmt: skip

# What a tenant's files take in the storage. Changes in the transactions that add and remove their rows.
artifact_usage = table(
    "artifact_usage",
    uuid("tenant_id", key=True),
    Column("bytes", BigInteger, nullable=False),
    postgresql_with={"fillfactor": 50},
)
