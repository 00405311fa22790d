"""The seam to message topics: what a publisher and a subscriber promise, whichever broker is behind them.

Implementations: ``producers/`` holds one publisher a broker, ``consumers/`` one subscriber a broker. Each passes the
conformance suite in ``tests/conformance/``.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, TypeAlias


class TopicPartition(NamedTuple):
    """One ordered sequence of messages."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message to publish. Messages of one key stay in order."""

    key: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """A message received.

    Attributes:
        offset: position in its partition; grows, with gaps allowed. For queues, the broker's sequence number.
        time: when the broker took it (UTC, aware).
        deliveries: how often it was delivered before to this group, as far as the broker counts (0 = first time).
    """

    topic: str
    partition: int
    offset: int
    key: str
    body: bytes = field(repr=False)  # may hold personal data
    headers: Mapping[str, str]
    time: datetime
    deliveries: int = 0

    @property
    def topic_partition(self) -> TopicPartition:
        """Where the message lies."""
        return TopicPartition(self.topic, self.partition)


class Publisher(ABC):
    """Puts messages on topics. Safe to call from several threads."""

    @abstractmethod
    def publish(self, topic: str, messages: Sequence[OutgoingMessage]) -> None:
        """Publish in order; return when the broker has acknowledged all of them durably.

        Blocks for one round trip, bounded by the implementation's time-out. At least once: after an error any prefix
        may have been published, and the caller publishes all of them again. Order is kept per key.

        Raises:
            schemas.errors.Retry: the broker is away or slow; publish again later.
            schemas.errors.Stop: not allowed, or no such topic.
            schemas.errors.Skip: a message can never be published (too large); the text names its key. None were.
        """

    @abstractmethod
    def close(self) -> None:
        """Release connections. Idempotent; nothing acknowledged is lost."""


RevokeListener: TypeAlias = Callable[[frozenset[TopicPartition]], None]


class Subscriber(ABC):
    """One member of a consumer group. Used from a single thread.

    Life of a message: *delivered* by :meth:`poll`, *finished* by the engine, *settled* by :meth:`settle`. A log keeps
    one committed position a partition: the offset behind which every delivered message is settled (the highest
    contiguous one). A queue settles each message by itself, and may deliver it again when its lock expires. Whatever
    is not settled when a member ends is delivered again to another: at least once.

    Rebalance: partitions are given to exactly one member of a group. Before partitions of this member go to another,
    ``on_revoke`` is called, on the polling thread, inside :meth:`poll` or :meth:`close`; messages of those partitions
    that are settled before it returns are committed, later ones are ignored.
    """

    replayable: bool
    """Whether history can be read again: :meth:`seek` works. A queue forgets what was settled."""

    @abstractmethod
    def poll(self, max_messages: int, timeout: float) -> list[Message]:
        """Messages not delivered to this member before, in order within each partition; never from paused ones.

        Blocks until at least one is there or ``timeout`` seconds are over (then empty). Keeps the membership alive:
        call it at least every few seconds, with everything paused if need be.

        Raises:
            schemas.errors.Retry: the broker is away; positions are untouched, poll again.
            schemas.errors.Stop: not allowed, or no such topic.
        """

    @abstractmethod
    def settle(self, messages: Iterable[Message]) -> None:
        """Say that these are finished for good, in any order.

        One request for all of them. Messages of partitions that this member has lost are ignored: they belong to
        another, who has them delivered again.

        Raises:
            schemas.errors.Retry: not committed; settle the same messages again, or let them be delivered again.
        """

    @abstractmethod
    def pause(self, partitions: Iterable[TopicPartition]) -> None:
        """Deliver nothing from these until :meth:`resume`; membership stays. Survives a rebalance that keeps them."""

    @abstractmethod
    def resume(self, partitions: Iterable[TopicPartition]) -> None:
        """Deliver from these again."""

    @abstractmethod
    def assignment(self) -> frozenset[TopicPartition]:
        """The partitions that this member has now."""

    @abstractmethod
    def seek(self, at: datetime) -> None:
        """Go to the first message taken by the broker at ``at`` or later, in every partition of the topics.

        For a reader in a group of its own: what was delivered but not settled is forgotten, and the group's committed
        positions move to the new place with the next :meth:`settle`.

        Raises:
            NotImplementedError: where ``replayable`` is False.
        """

    @abstractmethod
    def lag(self) -> Mapping[TopicPartition, int]:
        """Messages in each assigned partition behind its committed position, as of now."""

    @abstractmethod
    def close(self) -> None:
        """Leave the group, after ``on_revoke``; unsettled messages go to other members. Idempotent."""
