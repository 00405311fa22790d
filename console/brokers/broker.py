"""A broker as a process uses it: where the two ends of its topics come from, and who keeps the topics."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Engine

from engine.ledger.clock import Clock
from schemas.group_status import GroupStatus
from schemas.settings import Settings
from schemas.topic_keeping import TopicKeeper, WantedTopic
from schemas.topics import Publisher, RevokeListener, Subscriber


@dataclass(frozen=True, slots=True)
class BrokerContext:
    """What brokers are made of.

    Attributes:
        database: gives the database of ledger and embedded log.
    """

    settings: Settings
    database: Callable[[], Engine]
    clock: Clock
    new_id: Callable[[], str]


class Broker(ABC):
    """One broker. Whoever asks for an object closes it.

    Asking raises Stop where the settings name files that are gone.

    Attributes:
        positions_in_ledger: whether what groups have read is kept in the ledger's database.
    """

    positions_in_ledger = False

    def __init__(self, context: BrokerContext) -> None:
        self._context = context

    @property
    @abstractmethod
    def address(self) -> str:
        """What to call it before a person."""

    @abstractmethod
    def publisher(self) -> Publisher:
        """Puts messages on its topics."""

    @abstractmethod
    def subscriber(
        self, group: str, member: str, on_revoke: RevokeListener | None = None, *, lasting: bool = False
    ) -> Subscriber:
        """A member of ``group`` that reads the changes.

        Args:
            member: its name, unique in the group.
            lasting: whether it returns under that name, and has its partitions back then.
        """

    @abstractmethod
    def group_status(self, group: str) -> GroupStatus:
        """Looks at a group that reads the changes."""

    @abstractmethod
    def topics(self) -> TopicKeeper:
        """Makes its topics and looks at them."""

    def wanted(self) -> list[WantedTopic]:
        """The topics that the settings need."""
        topics = self._context.settings.topics
        retention = timedelta(days=topics.retention_days)
        return [
            WantedTopic(name, topics.partitions, retention, topics.retention_bytes)
            for name in (topics.changes, topics.dead_letter_topic)
            if name is not None
        ]

    @abstractmethod
    def forget_old_messages(self) -> None:
        """Prune the topics, where the broker does not do it by itself.

        Raises:
            Retry, Stop: it is away, or refuses; the next call goes on.
        """
