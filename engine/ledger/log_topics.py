"""Topics of the embedded log: making them, and finding one's way in them."""

from datetime import UTC, datetime
from zlib import crc32

from sqlalchemy import Connection, Engine, select

from engine.ledger.database import write
from engine.ledger.log_tables import LogMessage, LogPartition
from engine.ledger.many_rows import insert_missing
from engine.ledger.models import table_of
from schemas.errors import Stop
from schemas.topic_keeping import other_partitions


def create_topic(engine: Engine, name: str, partitions: int) -> None:
    """Make the topic, unless it is there.

    Raises:
        Stop: it is there with another number of partitions. Changing it would move keys and lose their order.
    """
    with write(engine) as connection:
        present = add_topic(connection, name, partitions)
    if present not in (0, partitions):
        raise Stop(other_partitions(name, present, partitions))


def add_topic(connection: Connection, name: str, partitions: int) -> int:
    """Make the topic, unless it is there; the number of partitions that it had, 0 where it is new."""
    present = len(_partitions(connection, name))
    if not present:
        beginning = {"first_offset": 0, "next_offset": 0, "last_time": datetime.fromtimestamp(0, UTC)}
        rows = [{"topic": name, "number": number, **beginning} for number in range(partitions)]
        insert_missing(connection, table_of(LogPartition), rows)
    return present


def partition_ids(connection: Connection, topic: str) -> list[int]:
    """The ids of the topic's partitions, by number. They never change.

    Raises:
        Stop: no such topic.
    """
    ids = _partitions(connection, topic)
    if not ids:
        raise Stop(f"there is no topic {topic}; create it first, or correct the name")
    return ids


def partition_of(key: str, partitions: int) -> int:
    """The number of the partition for ``key``: CRC-32 of its UTF-8 bytes, modulo the number of partitions."""
    return crc32(key.encode()) % partitions


def offset_at(connection: Connection, partition_id: int, moment: datetime) -> int:
    """The offset of the first message taken at ``moment`` or later; without one, the offset given out next."""
    # Asked first: what is published between the two queries must not be passed over.
    end = connection.scalar(select(LogPartition.next_offset).where(LogPartition.id == partition_id)) or 0
    found = connection.scalar(
        select(LogMessage.offset)
        .where(LogMessage.partition_id == partition_id, LogMessage.time >= moment)
        .order_by(LogMessage.time, LogMessage.offset)
        .limit(1)
    )
    return end if found is None else found


def _partitions(connection: Connection, topic: str) -> list[int]:
    query = select(LogPartition.id).where(LogPartition.topic == topic).order_by(LogPartition.number)
    return list(connection.scalars(query))
