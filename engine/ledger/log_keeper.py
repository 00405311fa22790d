"""The embedded log's topics, as the seam to the keeping of topics has them."""

from sqlalchemy import Engine, func, select

from engine.ledger.database import read, write
from engine.ledger.log_tables import LogPartition
from engine.ledger.log_topics import add_topic
from schemas.errors import Stop
from schemas.topic_keeping import PresentTopic, TopicFault, TopicKeeper, WantedTopic, other_partitions


class EmbeddedTopics(TopicKeeper):
    """Topics in the migrated database behind ``engine``, which stays open. How long messages are kept is decided by
    whoever prunes: :mod:`engine.ledger.log_retention`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, wanted: WantedTopic) -> bool:
        """One transaction."""
        with write(self._engine) as connection:
            present = add_topic(connection, wanted.name, wanted.partitions)
        if present not in (0, wanted.partitions):
            raise Stop(other_partitions(wanted.name, present, wanted.partitions))
        return present == 0

    def listed(self) -> list[PresentTopic]:
        """One query."""
        query = select(LogPartition.topic, func.count()).group_by(LogPartition.topic).order_by(LogPartition.topic)
        with read(self._engine) as connection:
            return [PresentTopic(name, partitions) for name, partitions in connection.execute(query)]

    def present(self, name: str) -> PresentTopic | None:
        """One query."""
        return next((topic for topic in self.listed() if topic.name == name), None)

    def faults(self, wanted: WantedTopic) -> list[TopicFault]:
        """Only the number of partitions can differ."""
        topic = self.present(wanted.name)
        if topic is None or topic.partitions == wanted.partitions:
            return []
        return [
            TopicFault(
                f"{wanted.name} has {topic.partitions} partitions, and the settings say {wanted.partitions}",
                "Write that number as topics.partitions, or name a new topic.",
            )
        ]

    def close(self) -> None:
        """Nothing to release: the connections are the engine's."""
