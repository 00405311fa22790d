"""The tables of who works now, and of what each may ask of the systems."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from engine.ledger.database import Base, UtcDateTime


class WorkerModel(Base):
    """A process that uses the systems, or did until its lease was over. Its id is never given out twice."""

    __tablename__ = "workers"
    __table_args__ = {"sqlite_autoincrement": True}

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    """What its consumer group calls it."""
    host: Mapped[str] = mapped_column(Text)
    pid: Mapped[int]
    version: Mapped[str] = mapped_column(Text)
    serves: Mapped[str] = mapped_column(Text)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen: Mapped[datetime] = mapped_column(UtcDateTime)
    """Its lease runs from here."""
    unfinished: Mapped[int]
    """Changes that it took off the topic and has not finished."""
    oldest_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Time of the oldest of these."""


class BudgetShareModel(Base):
    """What a process may use of one credential of one system, and what it does with it."""

    __tablename__ = "budget_shares"

    worker_id: Mapped[int] = mapped_column(ForeignKey("workers.id", ondelete="CASCADE"), primary_key=True)
    system: Mapped[str] = mapped_column(String(16), primary_key=True)
    credential: Mapped[str] = mapped_column(Text, primary_key=True)
    """The client id."""
    at_once: Mapped[int]
    per_window: Mapped[int]
    in_use: Mapped[int]
    """Requests under way."""
    requests: Mapped[int]
    refused: Mapped[int]
    """Of the last window."""
    pace_percent: Mapped[int]
    paused_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
