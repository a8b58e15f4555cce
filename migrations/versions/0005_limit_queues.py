"""limit queues"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table('limits',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('max_concurrency', sa.Integer(), nullable=True),
    sa.Column('rate_count', sa.Integer(), nullable=True),
    sa.Column('rate_seconds', sa.Float(), nullable=True),
    sa.Column('rate_burst', sa.Integer(), nullable=True),
    sa.Column('spent_until', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=True),
    sa.Column('awaits', postgresql.ARRAY(sa.Text()), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('limits_pkey')),
    postgresql_with={'fillfactor': 50}
    )
    op.add_column('leases', sa.Column('limited', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.create_index('leases_queue_id_idx', 'leases', ['queue_id'], unique=False, postgresql_where=sa.text('limited'))
    op.create_index('leases_tenant_id_idx', 'leases', ['tenant_id'], unique=False, postgresql_where=sa.text('limited'))
    op.add_column('queues', sa.Column('retry', postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column('queues', sa.Column('timeout_seconds', sa.Integer(), nullable=True))
    op.add_column('queues', sa.Column('limited', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.add_column('queues', sa.Column('deleted_at', sa.DateTime(timezone=True), nullable=True))
    op.create_index('queues_tenant_id_name_idx', 'queues', ['tenant_id', 'name'], unique=True, postgresql_where=sa.text('deleted_at IS NULL'))
    op.drop_constraint('queues_tenant_id_name_key', 'queues', type_='unique')


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("UPDATE queues SET name = name || ' (deleted ' || id || ')' WHERE deleted_at IS NOT NULL")
    op.create_unique_constraint('queues_tenant_id_name_key', 'queues', ['tenant_id', 'name'])
    op.drop_index('queues_tenant_id_name_idx', table_name='queues')
    op.drop_column('queues', 'deleted_at')
    op.drop_column('queues', 'limited')
    op.drop_column('queues', 'timeout_seconds')
    op.drop_column('queues', 'retry')
    op.drop_index('leases_tenant_id_idx', table_name='leases')
    op.drop_index('leases_queue_id_idx', table_name='leases')
    op.drop_column('leases', 'limited')
    op.drop_table('limits')
