"""The tables of the embedded log: topics cut into partitions, messages, and what groups have read.

Offsets of a partition have no gaps. They are given out under a lock of the partition's row that is held until the
messages are committed: whoever sees an offset sees every smaller one, so no reader ever skips a message.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from engine.ledger.database import Base, ExactJson


class LogPartition(Base):
    """One partition of a topic; a topic is the set of its partitions, numbered from 0.

    Attributes:
        first_offset: of the oldest message kept; equal to ``next_offset`` where there is none.
        next_offset: of the message to be published next.
        last_time: of the newest message; times of a partition never go back.
    """

    __tablename__ = "log_partitions"
    __table_args__ = (UniqueConstraint("topic", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    topic: Mapped[str]
    number: Mapped[int]
    first_offset: Mapped[int]
    next_offset: Mapped[int]
    last_time: Mapped[datetime]


class LogMessage(Base):
    """One message.

    Attributes:
        headers: a JSON object.
        time: when the log took it.
    """

    __tablename__ = "log_messages"
    __table_args__ = (Index(None, "partition_id", "time"),)

    partition_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    offset: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    key: Mapped[str]
    body: Mapped[bytes]
    headers: Mapped[str] = mapped_column(Text)
    time: Mapped[datetime]


class LogGroup(Base):
    """A consumer group; whoever changes its members or their partitions locks this row first."""

    __tablename__ = "log_groups"

    name: Mapped[str] = mapped_column(primary_key=True)


class LogMember(Base):
    """A live member of a group. Its id is never given out twice: it fences what a former life of the member does.

    Attributes:
        last_seen: its lease runs from here.
        topics: what it subscribes to.
    """

    __tablename__ = "log_members"
    __table_args__ = (UniqueConstraint("group_name", "name"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    group_name: Mapped[str] = mapped_column(ForeignKey("log_groups.name"))
    name: Mapped[str]
    last_seen: Mapped[datetime]
    topics: Mapped[Any] = mapped_column(ExactJson)


class LogPosition(Base):
    """How far a group has read a partition, and whose it is.

    Attributes:
        position: the offset to read next; everything below is settled.
        owner_id: the member that reads it now, the only one that may move ``position``.
        target_id: the member that shall read it; takes it once the owner has given it up or its lease is over.
    """

    __tablename__ = "log_positions"

    group_name: Mapped[str] = mapped_column(ForeignKey("log_groups.name"), primary_key=True)
    partition_id: Mapped[int] = mapped_column(ForeignKey("log_partitions.id"), primary_key=True)
    position: Mapped[int]
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("log_members.id", ondelete="SET NULL"))
    target_id: Mapped[int | None] = mapped_column(ForeignKey("log_members.id", ondelete="SET NULL"))
