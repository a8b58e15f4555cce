"""define jobs"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table('definitions',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('tenant_id', sa.UUID(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('description', sa.Text(), nullable=False),
    sa.Column('target', sa.Text(), nullable=False),
    sa.Column('sealed_headers', sa.LargeBinary(), nullable=True),
    sa.Column('timeout_seconds', sa.Integer(), nullable=True),
    sa.Column('priority', sa.SmallInteger(), nullable=False),
    sa.Column('queue', sa.Text(), nullable=False),
    sa.Column('labels', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('retry', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('success', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('concurrency_limit', sa.Integer(), nullable=True),
    sa.Column('params_schema', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('result_schema', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('definitions_pkey'))
    )
    op.create_index('definitions_tenant_id_id_idx', 'definitions', ['tenant_id', 'id'], unique=False)
    op.create_index('definitions_tenant_id_key_version_idx', 'definitions', ['tenant_id', 'key', 'version'], unique=True)
    op.create_table('functions',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('description', sa.Text(), nullable=False),
    sa.Column('timeout_seconds', sa.Integer(), nullable=False),
    sa.Column('max_attempts', sa.SmallInteger(), nullable=False),
    sa.Column('concurrency', sa.Integer(), nullable=True),
    sa.Column('params_schema', postgresql.JSONB(astext_type=sa.Text()), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('functions_pkey'))
    )
    op.create_index('functions_key_version_idx', 'functions', ['key', 'version'], unique=True)
    op.add_column('queues', sa.Column('lane', sa.Boolean(), server_default=sa.text('false'), nullable=False))
    op.add_column('queues', sa.Column('shares', sa.UUID(), nullable=True))
    op.add_column('leases', sa.Column('shares', sa.UUID(), nullable=True))
    op.create_index('leases_shares_idx', 'leases', ['shares'], unique=False, postgresql_where=sa.text('shares IS NOT NULL'))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_index('leases_shares_idx', table_name='leases')
    op.drop_column('leases', 'shares')
    op.drop_column('queues', 'shares')
    op.drop_column('queues', 'lane')
    op.drop_table('functions')
    op.drop_table('definitions')
