"""keep who is unique"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.create_table(
        'uniques',
        sa.Column('tenant_id', sa.UUID(), nullable=False),
        sa.Column('queue_id', sa.UUID(), nullable=False),
        sa.Column('key_hash', sa.LargeBinary(), nullable=False),
        sa.Column('job_id', sa.UUID(), nullable=False),
        sa.Column('until', sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint('tenant_id', 'queue_id', 'key_hash', name=op.f('uniques_pkey')),
    )
    op.add_column('jobs', sa.Column('uniqueness', postgresql.JSONB(), nullable=True))
    op.add_column('dead_letters', sa.Column('uniqueness', postgresql.JSONB(), nullable=True))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_column('dead_letters', 'uniqueness')
    op.drop_column('jobs', 'uniqueness')
    op.drop_table('uniques')
