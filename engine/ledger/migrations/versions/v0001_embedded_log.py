"""The embedded log: partitions, messages, groups, their members and positions."""

import sqlalchemy as sa
from alembic import op

from engine.ledger.database import INTEGER64, ExactJson, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From nothing."""
    op.create_table(
        "log_partitions",
        sa.Column("id", INTEGER64, nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("number", INTEGER64, nullable=False),
        sa.Column("first_offset", INTEGER64, nullable=False),
        sa.Column("next_offset", INTEGER64, nullable=False),
        sa.Column("last_time", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_log_partitions"),
        sa.UniqueConstraint("topic", "number", name="uq_log_partitions_topic_number"),
    )
    op.create_table(
        "log_messages",
        sa.Column("partition_id", INTEGER64, autoincrement=False, nullable=False),
        sa.Column("offset", INTEGER64, autoincrement=False, nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("time", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("partition_id", "offset", name="pk_log_messages"),
    )
    op.create_index("ix_log_messages_partition_id_time", "log_messages", ["partition_id", "time"])
    op.create_table(
        "log_groups",
        sa.Column("name", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_log_groups"),
    )
    op.create_table(
        "log_members",
        sa.Column("id", INTEGER64, nullable=False),
        sa.Column("group_name", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("last_seen", UtcDateTime(), nullable=False),
        sa.Column("topics", ExactJson(), nullable=False),
        sa.ForeignKeyConstraint(["group_name"], ["log_groups.name"], name="fk_log_members_group_name"),
        sa.PrimaryKeyConstraint("id", name="pk_log_members"),
        sa.UniqueConstraint("group_name", "name", name="uq_log_members_group_name_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "log_positions",
        sa.Column("group_name", sa.String(), nullable=False),
        sa.Column("partition_id", INTEGER64, nullable=False),
        sa.Column("position", INTEGER64, nullable=False),
        sa.Column("owner_id", INTEGER64, nullable=True),
        sa.Column("target_id", INTEGER64, nullable=True),
        sa.ForeignKeyConstraint(["group_name"], ["log_groups.name"], name="fk_log_positions_group_name"),
        sa.ForeignKeyConstraint(["partition_id"], ["log_partitions.id"], name="fk_log_positions_partition_id"),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["log_members.id"], name="fk_log_positions_owner_id", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["target_id"], ["log_members.id"], name="fk_log_positions_target_id", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("group_name", "partition_id", name="pk_log_positions"),
    )
