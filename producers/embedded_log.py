"""The embedded log's publisher: messages go into the ledger's database, one transaction a call."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, bindparam, select

from engine.ledger import many_rows
from engine.ledger.clock import Clock, utc_now
from engine.ledger.database import read, write
from engine.ledger.log_signal import log_signal
from engine.ledger.log_tables import LogMessage, LogPartition
from engine.ledger.log_topics import partition_ids, partition_of
from engine.ledger.models import table_of
from schemas import json_codec
from schemas.errors import Skip
from schemas.topics import OutgoingMessage, Publisher

MAX_BODY = 16 * 1024 * 1024
"""Bytes of the largest body taken."""

_MESSAGES = table_of(LogMessage)
_PARTITIONS = table_of(LogPartition)
_ENDS = (
    select(_PARTITIONS.c.id, _PARTITIONS.c.next_offset, _PARTITIONS.c.last_time)
    .where(_PARTITIONS.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(_PARTITIONS.c.id)
    .with_for_update()
)


class EmbeddedPublisher(Publisher):
    """Publishes into the database behind ``engine``, which stays open when the publisher closes."""

    def __init__(self, engine: Engine, *, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._clock = clock
        self._signal = log_signal(engine)
        self._topics: dict[str, list[int]] = {}

    def publish(self, topic: str, messages: Sequence[OutgoingMessage]) -> None:
        """All or none of them, in one transaction; durable when it returns."""
        if not messages:
            return
        partitions = self._partitions(topic)
        rows = [_row(message, partitions) for message in messages]
        now = self._clock()
        with write(self._engine) as connection:
            # Locked in order of id, so that publishers never wait for each other in a circle.
            ends = connection.execute(_ENDS, {"ids": sorted({row["partition_id"] for row in rows})}).all()
            offsets = {end.id: end.next_offset for end in ends}
            times = {end.id: max(now, end.last_time) for end in ends}
            for row in rows:
                partition = row["partition_id"]
                row["offset"], row["time"] = offsets[partition], times[partition]
                offsets[partition] += 1
            many_rows.insert(connection, _MESSAGES, rows)
            advanced = [{"at_id": id_, "next_offset": offsets[id_], "last_time": times[id_]} for id_ in offsets]
            many_rows.update(connection, _PARTITIONS, advanced)
        self._signal.publish()

    def close(self) -> None:
        """Nothing to release: the connections are the engine's."""

    def _partitions(self, topic: str) -> list[int]:
        if topic not in self._topics:
            with read(self._engine) as connection:
                self._topics[topic] = partition_ids(connection, topic)
        return self._topics[topic]


def _row(message: OutgoingMessage, partitions: list[int]) -> dict[str, Any]:
    if len(message.body) > MAX_BODY:
        raise Skip(
            f"message {message.key} has {len(message.body)} bytes, more than the {MAX_BODY} that the log takes",
            code="message_too_large",
        )
    if "\0" in message.key:
        raise Skip(f"message {message.key!r} has a NUL in its key, which PostgreSQL cannot store", code="bad_text")
    try:
        return {
            "partition_id": partitions[partition_of(message.key, len(partitions))],
            "key": message.key,
            "body": message.body,
            "headers": json_codec.encode(message.headers).decode(),
        }
    except UnicodeEncodeError as error:
        raise Skip(f"message {message.key!r} has a key or header that is not valid text", code="bad_text") from error
