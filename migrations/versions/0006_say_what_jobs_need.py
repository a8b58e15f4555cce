"""say what jobs need"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TABLES = ("timers", "ready", "leases")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for table in _TABLES:
        op.add_column(
            table, sa.Column("needs", sa.SmallInteger(), server_default=sa.text("0"), nullable=False)
        )
    op.add_column(
        "replicas",
        sa.Column(
            "offers", postgresql.ARRAY(sa.SmallInteger()), server_default=sa.text("'{0}'"), nullable=False
        ),
    )
    # Holds up the schedulers while it builds, which for a million due jobs takes a second or two.
    op.drop_constraint("ready_pkey", "ready", type_="primary")
    op.create_primary_key("ready_pkey", "ready", ["needs", "queue_id", "rank_at", "job_id"])


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.drop_constraint("ready_pkey", "ready", type_="primary")
    op.create_primary_key("ready_pkey", "ready", ["queue_id", "rank_at", "job_id"])
    op.drop_column("replicas", "offers")
    for table in reversed(_TABLES):
        op.drop_column(table, "needs")
