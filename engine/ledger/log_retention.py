"""Retention: the embedded log forgets messages by age and by size, read or not, as Kafka does.

Choose an age longer than the longest outage of a worker: what is pruned before a group has read it is gone.
"""

from datetime import datetime

from sqlalchemy import Connection, Engine, delete, func, select, update

from engine.ledger.database import read, write
from engine.ledger.log_tables import LogMessage, LogPartition
from engine.ledger.log_topics import offset_at, partition_ids

_CHUNK = 5_000
"""Messages deleted in one transaction, so that publishers hardly wait."""


def prune(engine: Engine, topic: str, *, before: datetime | None = None, max_bytes: int | None = None) -> int:
    """Delete messages older than ``before``, and the oldest of each partition above ``max_bytes`` of bodies.

    Returns how many. Call it every few minutes, from any process; several at once do no harm.

    Raises:
        Retry: the database is away or locked; the next call goes on.
        Stop: no such topic.
    """
    with read(engine) as connection:
        keep_from = {
            partition: max(
                offset_at(connection, partition, before) if before else 0,
                _first_within(connection, partition, max_bytes) if max_bytes is not None else 0,
            )
            for partition in partition_ids(connection, topic)
        }
    return sum(_delete_below(engine, partition, offset) for partition, offset in keep_from.items())


def _first_within(connection: Connection, partition: int, max_bytes: int) -> int:
    """The offset behind the newest message that ``max_bytes`` of bodies have no room for."""
    room = func.sum(func.length(LogMessage.body)).over(order_by=LogMessage.offset.desc())
    newest_first = select(LogMessage.offset, room.label("bytes")).where(LogMessage.partition_id == partition).subquery()
    surplus = select(func.max(newest_first.c.offset)).where(newest_first.c.bytes > max_bytes)
    newest = connection.scalar(surplus)
    return 0 if newest is None else newest + 1


def _delete_below(engine: Engine, partition: int, offset: int) -> int:
    deleted = 0
    with read(engine) as connection:
        first = connection.scalar(select(LogPartition.first_offset).where(LogPartition.id == partition)) or 0
    while first < offset:
        first = min(first + _CHUNK, offset)
        with write(engine) as connection:
            older = delete(LogMessage).where(LogMessage.partition_id == partition, LogMessage.offset < first)
            deleted += connection.execute(older).rowcount
            moved = update(LogPartition).where(LogPartition.id == partition, LogPartition.first_offset < first)
            connection.execute(moved.values(first_offset=first))
    return deleted
