"""keep files of jobs"""

import sqlalchemy as sa
from alembic import op

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table('artifacts',
    sa.Column('id', sa.UUID(), nullable=False),
    sa.Column('tenant_id', sa.UUID(), nullable=False),
    sa.Column('job_id', sa.UUID(), nullable=False),
    sa.Column('attempt', sa.SmallInteger(), server_default=sa.text('0'), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('sha256', sa.LargeBinary(), nullable=True),
    sa.Column('content_type', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('put_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('put_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('stored_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('deleted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('emptied_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('artifacts_pkey'))
    )
    op.create_index('artifacts_job_id_attempt_name_idx', 'artifacts', ['job_id', 'attempt', 'name'], unique=True, postgresql_where=sa.text('deleted_at IS NULL'))
    op.create_index('artifacts_tenant_id_idx', 'artifacts', ['tenant_id'], unique=False)
    op.create_index('artifacts_expires_at_idx', 'artifacts', ['expires_at'], unique=False, postgresql_where=sa.text('deleted_at IS NULL'))
    op.create_index('artifacts_deleted_idx', 'artifacts', ['id'], unique=False, postgresql_where=sa.text('deleted_at IS NOT NULL'))
    op.create_table('artifact_usage',
    sa.Column('tenant_id', sa.UUID(), nullable=False),
    sa.Column('bytes', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('tenant_id', name=op.f('artifact_usage_pkey')),
    postgresql_with={'fillfactor': 50}
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_table('artifact_usage')
    op.drop_table('artifacts')
