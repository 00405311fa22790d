"""How far a topic and the group of the workers are, whichever broker has them."""

from abc import ABC, abstractmethod

import kafka
from sqlalchemy import Engine, and_, func, select

from engine.ledger.database import read
from engine.ledger.log_tables import LogPartition, LogPosition
from schemas.settings import Settings


class TopicProgress(ABC):
    """Of the topic of changes and the workers' group."""

    @abstractmethod
    def published(self) -> int:
        """Messages ever published, or more: it only has to grow with each."""

    @abstractmethod
    def lag(self) -> int:
        """Messages behind the positions of the group."""

    def close(self) -> None:  # noqa: B027 - most have nothing to release
        """Release connections."""


class EmbeddedProgress(TopicProgress):
    """Of the embedded log."""

    def __init__(self, database: Engine, group: str) -> None:
        self._database = database
        self._group = group

    def published(self) -> int:
        with read(self._database) as connection:
            return connection.execute(select(func.sum(LogPartition.next_offset))).scalar_one()

    def lag(self) -> int:
        of_group = and_(LogPosition.partition_id == LogPartition.id, LogPosition.group_name == self._group)
        behind = LogPartition.next_offset - func.coalesce(LogPosition.position, LogPartition.first_offset)
        with read(self._database) as connection:
            return connection.execute(select(func.sum(behind)).outerjoin(LogPosition, of_group)).scalar_one()


class KafkaProgress(TopicProgress):
    """Of a cluster."""

    def __init__(self, bootstrap: str, settings: Settings) -> None:
        self._consumer = kafka.KafkaConsumer(bootstrap_servers=bootstrap.split(","), group_id=settings.worker.group)
        topics = settings.topics
        self._partitions = [kafka.TopicPartition(topics.changes, number) for number in range(topics.partitions)]

    def published(self) -> int:
        return sum(self._consumer.end_offsets(self._partitions).values())

    def lag(self) -> int:
        committed = [self._consumer.committed(partition) or 0 for partition in self._partitions]
        return self.published() - sum(committed)

    def close(self) -> None:
        self._consumer.close(autocommit=False)
