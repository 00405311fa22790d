"""The seam to the keeping of topics: making them as the settings want them, and saying how they are.

Each broker has one implementation, which passes the conformance suite in ``tests/conformance/``.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class WantedTopic:
    """A topic as the settings want it.

    Attributes:
        retention: how long a message can be replayed.
        retention_bytes: what a partition keeps at most; ``None``: only age counts.
    """

    name: str
    partitions: int
    retention: timedelta
    retention_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class PresentTopic:
    """A topic as it is.

    Attributes:
        retention: ``None``: messages are kept for ever, or as long as the settings of whoever prunes them say.
        retention_bytes: of a partition; ``None``: any number.
        replicas: copies of each message, where the broker keeps count of them.
    """

    name: str
    partitions: int
    retention: timedelta | None = None
    retention_bytes: int | None = None
    replicas: int | None = None


@dataclass(frozen=True, slots=True)
class TopicFault:
    """What is wrong with a topic, and how to mend it."""

    found: str
    remedy: str


class TopicKeeper(ABC):
    """Makes topics and looks at them. Every call blocks for one round trip or a few. Safe to call from several threads.

    Raises:
        schemas.errors.Retry: the broker is away; the same call may succeed later.
        schemas.errors.Stop: not allowed.
    """

    @abstractmethod
    def create(self, wanted: WantedTopic) -> bool:
        """Make the topic unless it is there; whether it was made. One that is there is left as it is.

        Raises:
            schemas.errors.Stop: it cannot be made as wanted, or is there with another number of partitions: changing
                that would move keys and lose their order.
        """

    @abstractmethod
    def listed(self) -> list[PresentTopic]:
        """All topics that this user may see, by name; none of the broker's own."""

    @abstractmethod
    def present(self, name: str) -> PresentTopic | None:
        """The topic as it is; ``None``: there is none."""

    @abstractmethod
    def faults(self, wanted: WantedTopic) -> list[TopicFault]:
        """What differs from ``wanted``, or would lose messages. Empty for a topic that is not there."""

    @abstractmethod
    def close(self) -> None:
        """Release connections. Idempotent."""


def other_partitions(name: str, present: int, wanted: int) -> str:
    """What to tell a person about a topic with another number of partitions."""
    return f"topic {name} has {present} partitions, not {wanted}; keep that number or use a new name"
