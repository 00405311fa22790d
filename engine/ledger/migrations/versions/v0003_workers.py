"""Workers, and their shares of what the systems allow."""

import sqlalchemy as sa
from alembic import op

from engine.ledger.database import INTEGER64, UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """On top of the ledger."""
    op.create_table(
        "workers",
        sa.Column("id", INTEGER64, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", INTEGER64, nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("serves", sa.Text(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("last_seen", UtcDateTime(), nullable=False),
        sa.Column("unfinished", INTEGER64, nullable=False),
        sa.Column("oldest_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workers")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "budget_shares",
        sa.Column("worker_id", INTEGER64, nullable=False),
        sa.Column("system", sa.String(length=16), nullable=False),
        sa.Column("credential", sa.Text(), nullable=False),
        sa.Column("at_once", INTEGER64, nullable=False),
        sa.Column("per_window", INTEGER64, nullable=False),
        sa.Column("in_use", INTEGER64, nullable=False),
        sa.Column("requests", INTEGER64, nullable=False),
        sa.Column("refused", INTEGER64, nullable=False),
        sa.Column("pace_percent", INTEGER64, nullable=False),
        sa.Column("paused_until", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["worker_id"], ["workers.id"], name=op.f("fk_budget_shares_worker_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("worker_id", "system", "credential", name=op.f("pk_budget_shares")),
    )
