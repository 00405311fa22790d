"""The ledger: couplings, open operations, intents, outbox, runs, jobs, dead letters."""

import sqlalchemy as sa
from alembic import op

from engine.ledger.database import INTEGER64, ExactJson, UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """On top of the embedded log."""
    op.create_table(
        "couplings",
        sa.Column("id", INTEGER64, nullable=False),
        sa.Column("mapping", sa.String(length=20), nullable=False),
        sa.Column("bc_id", sa.String(length=80), nullable=False),
        sa.Column("dv_id", sa.String(length=80), nullable=False),
        sa.Column("bc_key", sa.String(length=80), nullable=True),
        sa.Column("bc_version", sa.Text(), nullable=True),
        sa.Column("dv_version", sa.Text(), nullable=True),
        sa.Column("base", ExactJson(), nullable=False),
        sa.Column("generation", INTEGER64, nullable=False),
        sa.Column("bounces", INTEGER64, nullable=False),
        sa.Column("last_to_dataverse", UtcDateTime(), nullable=True),
        sa.Column("last_from_dataverse", UtcDateTime(), nullable=True),
        sa.Column("revision", INTEGER64, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_couplings")),
        sa.UniqueConstraint("mapping", "bc_id", name=op.f("uq_couplings_mapping_bc_id")),
        sa.UniqueConstraint("mapping", "dv_id", name=op.f("uq_couplings_mapping_dv_id")),
    )
    with op.batch_alter_table("couplings", schema=None) as batch_op:
        batch_op.create_index("ix_couplings_key", ["mapping", "bc_key"], unique=False)

    op.create_table(
        "dead_letters",
        sa.Column("id", INTEGER64, nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("partition", INTEGER64, nullable=False),
        sa.Column("offset", INTEGER64, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("headers", ExactJson(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letters")),
        sa.UniqueConstraint("topic", "partition", "offset", name=op.f("uq_dead_letters_topic_partition_offset")),
    )
    with op.batch_alter_table("dead_letters", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_dead_letters_at"), ["at"], unique=False)

    op.create_table(
        "intents",
        sa.Column("mapping", sa.String(length=20), nullable=False),
        sa.Column("direction", sa.String(length=16), nullable=False),
        sa.Column("record_id", sa.String(length=80), nullable=False),
        sa.Column("created_id", sa.String(length=80), nullable=True),
        sa.Column("values", ExactJson(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("mapping", "direction", "record_id", name=op.f("pk_intents")),
    )
    op.create_table(
        "job_errors",
        sa.Column("id", INTEGER64, nullable=False),
        sa.Column("job_id", sa.String(length=80), nullable=False),
        sa.Column("record_id", sa.String(length=80), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_errors")),
    )
    with op.batch_alter_table("job_errors", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_job_errors_at"), ["at"], unique=False)
        batch_op.create_index(batch_op.f("ix_job_errors_job_id"), ["job_id"], unique=False)

    op.create_table(
        "jobs",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("mapping", sa.String(length=20), nullable=False),
        sa.Column("direction", sa.String(length=16), nullable=False),
        sa.Column("run_id", sa.String(length=80), nullable=True),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.Column("inserted", INTEGER64, nullable=False),
        sa.Column("modified", INTEGER64, nullable=False),
        sa.Column("deleted", INTEGER64, nullable=False),
        sa.Column("unchanged", INTEGER64, nullable=False),
        sa.Column("skipped", INTEGER64, nullable=False),
        sa.Column("failed", INTEGER64, nullable=False),
        sa.Column("coupled", INTEGER64, nullable=False),
        sa.Column("uncoupled", INTEGER64, nullable=False),
        sa.Column("ignored", INTEGER64, nullable=False),
        sa.Column("parked", INTEGER64, nullable=False),
        sa.Column("conflict", INTEGER64, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_jobs_run_id"), ["run_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_jobs_started_at"), ["started_at"], unique=False)

    op.create_table(
        "mapping_states",
        sa.Column("mapping", sa.String(length=20), nullable=False),
        sa.Column("only_coupled", sa.Boolean(), nullable=True),
        sa.Column("cleared_by", sa.String(length=80), nullable=True),
        sa.Column("bc_watermark", UtcDateTime(), nullable=True),
        sa.Column("dv_watermark", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("mapping", name=op.f("pk_mapping_states")),
    )
    op.create_table(
        "open_operations",
        sa.Column("mapping", sa.String(length=20), nullable=False),
        sa.Column("direction", sa.String(length=16), nullable=False),
        sa.Column("record_id", sa.String(length=80), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("waits_on", ExactJson(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("attempts", INTEGER64, nullable=False),
        sa.Column("source_version", sa.Text(), nullable=True),
        sa.Column("detail", ExactJson(), nullable=True),
        sa.Column("run_id", sa.String(length=80), nullable=True),
        sa.Column("first_at", UtcDateTime(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("mapping", "direction", "record_id", name=op.f("pk_open_operations")),
    )
    with op.batch_alter_table("open_operations", schema=None) as batch_op:
        batch_op.create_index("ix_open_operations_due_at", ["due_at"], unique=False)

    op.create_table(
        "open_waits",
        sa.Column("mapping", sa.String(length=20), nullable=False),
        sa.Column("direction", sa.String(length=16), nullable=False),
        sa.Column("record_id", sa.String(length=80), nullable=False),
        sa.Column("waits_on", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["mapping", "direction", "record_id"],
            ["open_operations.mapping", "open_operations.direction", "open_operations.record_id"],
            name=op.f("fk_open_waits_mapping"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("mapping", "direction", "record_id", "waits_on", name=op.f("pk_open_waits")),
    )
    with op.batch_alter_table("open_waits", schema=None) as batch_op:
        batch_op.create_index("ix_open_waits_waits_on", ["waits_on"], unique=False)

    op.create_table(
        "updates",
        sa.Column("mapping", sa.String(length=20), nullable=False),
        sa.Column("direction", sa.String(length=16), nullable=False),
        sa.Column("record_id", sa.String(length=80), nullable=False),
        sa.Column("values", ExactJson(), nullable=False),
        sa.PrimaryKeyConstraint("mapping", "direction", "record_id", name=op.f("pk_updates")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("event", ExactJson(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_outbox_at"), ["at"], unique=False)

    op.create_table(
        "run_records",
        sa.Column("run_id", sa.String(length=80), nullable=False),
        sa.Column("mapping", sa.String(length=20), nullable=False),
        sa.Column("direction", sa.String(length=16), nullable=False),
        sa.Column("record_id", sa.String(length=80), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "mapping", "direction", "record_id", name=op.f("pk_run_records")),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("options", ExactJson(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("heartbeat_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
    )
    op.create_table(
        "uncoupled",
        sa.Column("mapping", sa.String(length=20), nullable=False),
        sa.Column("system", sa.String(length=16), nullable=False),
        sa.Column("record_id", sa.String(length=80), nullable=False),
        sa.Column("generation", INTEGER64, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("mapping", "system", "record_id", name=op.f("pk_uncoupled")),
    )
    op.create_table(
        "run_tables",
        sa.Column("run_id", sa.String(length=80), nullable=False),
        sa.Column("mapping", sa.String(length=20), nullable=False),
        sa.Column("direction", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("produced", INTEGER64, nullable=False),
        sa.Column("processed", INTEGER64, nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("watermark", UtcDateTime(), nullable=True),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_tables_run_id")),
        sa.PrimaryKeyConstraint("run_id", "mapping", "direction", name=op.f("pk_run_tables")),
    )
