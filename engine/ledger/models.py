"""The ledger's tables: what is coupled, what is open, what was done.

Enumerations are stored as their text. Times are UTC. Canonical values are kept as exact JSON.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, LargeBinary, String, Table, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from engine.ledger.database import Base, ExactJson, UtcDateTime


def table_of(model: type[Base]) -> Table:
    """The table under ``model``, for statements that need no objects."""
    table = model.__table__
    if not isinstance(table, Table):
        raise TypeError(f"{model.__name__} is not mapped to a plain table")
    return table


_NAME = String(20)
_ID = String(80)
_DIRECTION = String(16)
_STATUS = String(16)


class CouplingModel(Base):
    """One row of Business Central and one of Dataverse that are the same thing, by mapping.

    A version that is present means: the row had the values of ``base`` at that version. It is null where the row is
    known to differ, or not known.
    """

    __tablename__ = "couplings"
    __table_args__ = (
        UniqueConstraint("mapping", "bc_id"),
        UniqueConstraint("mapping", "dv_id"),
        Index("ix_couplings_key", "mapping", "bc_key"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    mapping: Mapped[str] = mapped_column(_NAME)
    bc_id: Mapped[str] = mapped_column(_ID)
    dv_id: Mapped[str] = mapped_column(_ID)
    bc_key: Mapped[str | None] = mapped_column(_ID)
    """The value by which other Business Central tables name the row, upper case."""
    bc_version: Mapped[str | None] = mapped_column(Text)
    dv_version: Mapped[str | None] = mapped_column(Text)
    base: Mapped[dict[str, Any]] = mapped_column(ExactJson)
    generation: Mapped[int]
    """How often the pair was created anew; part of the derived id of a Dataverse row."""
    bounces: Mapped[int]
    """Writes in a row after which the destination did not keep what was written."""
    last_to_dataverse: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_from_dataverse: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revision: Mapped[int]
    """Grows with every change: a writer that read an older one loses."""


class UncoupledModel(Base):
    """A row that was uncoupled on purpose: it is not created on the other side again by itself."""

    __tablename__ = "uncoupled"

    mapping: Mapped[str] = mapped_column(_NAME, primary_key=True)
    system: Mapped[str] = mapped_column(_DIRECTION, primary_key=True)
    record_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    generation: Mapped[int]
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class OpenOperationModel(Base):
    """An operation that has not arrived, and why."""

    __tablename__ = "open_operations"
    __table_args__ = (Index("ix_open_operations_due_at", "due_at"),)

    mapping: Mapped[str] = mapped_column(_NAME, primary_key=True)
    direction: Mapped[str] = mapped_column(_DIRECTION, primary_key=True)
    record_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    status: Mapped[str] = mapped_column(_STATUS)
    kind: Mapped[str] = mapped_column(_STATUS)
    waits_on: Mapped[Any] = mapped_column(ExactJson)
    """Keys of what it waits for, also in ``open_waits``."""
    code: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    fingerprint: Mapped[str] = mapped_column(Text)
    attempts: Mapped[int]
    source_version: Mapped[str | None] = mapped_column(Text)
    detail: Mapped[Any] = mapped_column(ExactJson, nullable=True)
    run_id: Mapped[str | None] = mapped_column(_ID)
    first_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class OpenWaitModel(Base):
    """What an open operation waits for, for finding it by that."""

    __tablename__ = "open_waits"
    __table_args__ = (
        ForeignKeyConstraint(
            ("mapping", "direction", "record_id"),
            ("open_operations.mapping", "open_operations.direction", "open_operations.record_id"),
            ondelete="CASCADE",
        ),
        Index("ix_open_waits_waits_on", "waits_on"),
    )

    mapping: Mapped[str] = mapped_column(_NAME, primary_key=True)
    direction: Mapped[str] = mapped_column(_DIRECTION, primary_key=True)
    record_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    waits_on: Mapped[str] = mapped_column(String(200), primary_key=True)


class IntentModel(Base):
    """A row about to be created: what to look for after a lost answer."""

    __tablename__ = "intents"

    mapping: Mapped[str] = mapped_column(_NAME, primary_key=True)
    direction: Mapped[str] = mapped_column(_DIRECTION, primary_key=True)
    record_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    created_id: Mapped[str | None] = mapped_column(_ID)
    """The id that the row will have, where we choose it."""
    values: Mapped[dict[str, Any]] = mapped_column(ExactJson)
    """The canonical values that are written."""
    at: Mapped[datetime] = mapped_column(UtcDateTime)


class UpdateModel(Base):
    """A row about to be changed: which values it may have after a lost answer."""

    __tablename__ = "updates"

    mapping: Mapped[str] = mapped_column(_NAME, primary_key=True)
    direction: Mapped[str] = mapped_column(_DIRECTION, primary_key=True)
    record_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    values: Mapped[dict[str, Any]] = mapped_column(ExactJson)
    """The canonical values that are written."""


class OutboxModel(Base):
    """An event that a ledger transaction decided on, until a topic has acknowledged it."""

    __tablename__ = "outbox"

    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    event: Mapped[Any] = mapped_column(ExactJson)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class MappingStateModel(Base):
    """What was decided about a mapping after its file was written, and how far it was synchronized."""

    __tablename__ = "mapping_states"

    mapping: Mapped[str] = mapped_column(_NAME, primary_key=True)
    only_coupled: Mapped[bool | None]
    """Overrides the file; set by the closing question of a full sync."""
    cleared_by: Mapped[str | None] = mapped_column(_ID)
    """The full sync that has only-coupled cleared while it runs."""
    bc_watermark: Mapped[datetime | None] = mapped_column(UtcDateTime)
    dv_watermark: Mapped[datetime | None] = mapped_column(UtcDateTime)


class RunModel(Base):
    """One full sync, sync modified or replay."""

    __tablename__ = "runs"

    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    kind: Mapped[str] = mapped_column(_STATUS)
    state: Mapped[str] = mapped_column(_STATUS)
    options: Mapped[Any] = mapped_column(ExactJson)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    heartbeat_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class RunTableModel(Base):
    """How far a run has come with one mapping in one direction."""

    __tablename__ = "run_tables"

    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    mapping: Mapped[str] = mapped_column(_NAME, primary_key=True)
    direction: Mapped[str] = mapped_column(_DIRECTION, primary_key=True)
    state: Mapped[str] = mapped_column(_STATUS)
    cursor: Mapped[str | None] = mapped_column(Text)
    produced: Mapped[int]
    """Rows registered. Rows, not events: an event twice on the topic counts once."""
    processed: Mapped[int]
    message: Mapped[str] = mapped_column(Text)
    watermark: Mapped[datetime | None] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class RunRecordModel(Base):
    """What became of one record in a run: the latest outcome counts, once."""

    __tablename__ = "run_records"

    run_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    mapping: Mapped[str] = mapped_column(_NAME, primary_key=True)
    direction: Mapped[str] = mapped_column(_DIRECTION, primary_key=True)
    record_id: Mapped[str] = mapped_column(_ID, primary_key=True)
    outcome: Mapped[str] = mapped_column(_STATUS)


class JobModel(Base):
    """An integration synchronization job: counters of one mapping in one direction, of one run or of one hour."""

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(_ID, primary_key=True)
    mapping: Mapped[str] = mapped_column(_NAME)
    direction: Mapped[str] = mapped_column(_DIRECTION)
    run_id: Mapped[str | None] = mapped_column(_ID, index=True)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
    inserted: Mapped[int]
    modified: Mapped[int]
    deleted: Mapped[int]
    unchanged: Mapped[int]
    skipped: Mapped[int]
    failed: Mapped[int]
    coupled: Mapped[int]
    uncoupled: Mapped[int]
    ignored: Mapped[int]
    parked: Mapped[int]
    conflict: Mapped[int]


class JobErrorModel(Base):
    """One failure of one record."""

    __tablename__ = "job_errors"

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[str] = mapped_column(_ID, index=True)
    record_id: Mapped[str] = mapped_column(_ID)
    code: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class DeadLetterModel(Base):
    """A message that could not be read as a change, as it came."""

    __tablename__ = "dead_letters"
    __table_args__ = (UniqueConstraint("topic", "partition", "offset"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    topic: Mapped[str] = mapped_column(Text)
    partition: Mapped[int]
    offset: Mapped[int]
    key: Mapped[str] = mapped_column(Text)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    headers: Mapped[Any] = mapped_column(ExactJson)
    reason: Mapped[str] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
