"""say nothing twice"""

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None

# A UUIDv7 as `mint` makes it, ending as a given one does. One expression, so that PostgreSQL writes it into the
# statement instead of calling it, which is ten times as slow; it does so where the instant is a column.
STAMP = """
CREATE FUNCTION stamp(at timestamptz, ordinal int, tail uuid) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN encode(
  int8send(((date_part('epoch', at) * 1000000)::bigint / 1000) << 16 | 28672
           | (date_part('microseconds', at)::int % 1000 * 4 + ordinal))
  || substr(uuid_send(tail), 9), 'hex')::uuid
"""

# The same with random bits. 4.6e18 is less than two to the 62nd: the first two bits stay those of the variant.
MINT = """
CREATE OR REPLACE FUNCTION mint(at timestamptz, ordinal int) RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE
RETURN encode(
  int8send(((date_part('epoch', at) * 1000000)::bigint / 1000) << 16 | 28672
           | (date_part('microseconds', at)::int % 1000 * 4 + ordinal))
  || int8send((random() * 4.6e18)::bigint | -9223372036854775808), 'hex')::uuid
"""

MINT_BEFORE = """
CREATE OR REPLACE FUNCTION mint(at timestamptz, ordinal int) RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
  SELECT overlay(
    gen_random_uuid()::text PLACING
    substr(m, 1, 8) || '-' || substr(m, 9, 4) || '-7' || lpad(to_hex((us % 1000) * 4 + ordinal), 3, '0')
    FROM 1 FOR 18)::uuid
  FROM (SELECT us, lpad(to_hex(us / 1000), 12, '0') AS m
        FROM (SELECT (extract(epoch FROM at) * 1000000)::bigint AS us) AS micros) AS parts
$$
"""

# What happened to jobs, in the order of id: the events, and what other rows say by being there.
HISTORY = """
CREATE VIEW history (job_id, id, tenant_id, kind, at, attempt, data) AS
SELECT job_id, id, tenant_id, kind, at, attempt, data FROM events
UNION ALL
SELECT id, stamp(created_at, 0, id), tenant_id, 'created', created_at, NULL, NULL FROM jobs
UNION ALL
SELECT id, stamp(created_at, 1, id), tenant_id, 'queued', created_at, NULL, NULL FROM jobs WHERE due_at_once
UNION ALL
SELECT job_id, stamp(started_at, 1, lease_token), tenant_id, 'started', started_at, number, NULL FROM attempts
UNION ALL
SELECT job_id, stamp(greatest(due_at, claimed_at), 1, lease_token), tenant_id, 'started',
       greatest(due_at, claimed_at), attempt, NULL
FROM leases WHERE due_at <= now()
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.add_column('jobs', sa.Column('due_at_once', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.drop_index('leases_deadline_at_idx', table_name='leases')
    op.drop_index('leases_replica_id_idx', table_name='leases')
    op.execute(MINT)
    op.execute(STAMP)
    op.execute("DELETE FROM events WHERE kind IN ('created', 'started')")
    op.execute(HISTORY)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("""INSERT INTO events (job_id, id, tenant_id, kind, at, attempt)
                  SELECT h.job_id, h.id, h.tenant_id, h.kind, h.at, h.attempt FROM history h
                  WHERE NOT EXISTS (SELECT FROM events e WHERE e.job_id = h.job_id AND e.id = h.id)""")
    op.execute("DROP VIEW history")
    op.execute("DROP FUNCTION stamp(timestamptz, int, uuid)")
    op.execute(MINT_BEFORE)
    op.create_index('leases_replica_id_idx', 'leases', ['replica_id'], unique=False)
    op.create_index('leases_deadline_at_idx', 'leases', ['deadline_at'], unique=False)
    op.drop_column('jobs', 'due_at_once')
