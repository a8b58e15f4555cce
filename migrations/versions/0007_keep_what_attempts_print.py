"""keep what attempts print"""

import sqlalchemy as sa
from alembic import op

from migrations import server

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None

# As before, of other tables.
ENSURE_PARTITIONS = """
CREATE OR REPLACE FUNCTION ensure_partitions(days_ahead int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  parent text; day timestamptz; part text; low uuid; high uuid; made int := 0;
BEGIN
  PERFORM {turn};
  FOREACH parent IN ARRAY ARRAY[{parents}] LOOP
    FOR offset_days IN 0..days_ahead LOOP
      day := date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' + make_interval(days => offset_days);
      part := parent || '_p' || to_char(day AT TIME ZONE 'UTC', 'YYYYMMDD');
      CONTINUE WHEN to_regclass(part) IS NOT NULL;
      low := (lpad(to_hex((extract(epoch FROM day) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;
      high := (lpad(to_hex((extract(epoch FROM day) * 1000)::bigint + 86400000), 12, '0') || repeat('0', 20))::uuid;
      EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', part, parent);
      EXECUTE format('WITH late AS (DELETE FROM %I WHERE id >= %L AND id < %L RETURNING *)
                      INSERT INTO %I SELECT * FROM late', parent || '_default', low, high, part);
      EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, part, low, high);
      made := made + 1;
    END LOOP;
  END LOOP;
  RETURN made;
END
$$
"""


def ensure_partitions(parents: str) -> str:
    return ENSURE_PARTITIONS.replace("{parents}", parents).replace("{turn}", server.turn(op.get_bind(), 7810765))


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table('logs',
    sa.Column('job_id', sa.UUID(), nullable=False),
    sa.Column('attempt', sa.SmallInteger(), nullable=False),
    sa.Column('sequence', sa.Integer(), nullable=False),
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('tenant_id', sa.UUID(), nullable=False),
    sa.Column('lease_token', sa.UUID(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('stream', sa.Text(), nullable=False),
    sa.Column('lines', sa.SmallInteger(), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('mark', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('job_id', 'attempt', 'sequence', 'id', name=op.f('logs_pkey')),
    **server.partitioned(op.get_bind())
    )
    if not server.partitions(op.get_bind()):
        return
    op.execute("CREATE TABLE logs_default PARTITION OF logs DEFAULT")
    op.execute(ensure_partitions("'attempts', 'events', 'logs'"))
    op.execute("SELECT ensure_partitions(8)")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    if server.partitions(op.get_bind()):
        op.execute(ensure_partitions("'attempts', 'events'"))
    op.drop_table('logs')
