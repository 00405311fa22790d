"""The seam for looking at a consumer group from outside: who reads what, and how far behind.

One implementation a broker, in ``consumers/``.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """One partition as a group has it.

    Attributes:
        member: who reads it, or is about to; ``None``: nobody that lives.
        lag: messages behind the committed position.
        oldest_at: time of the first of these; ``None`` where there is none, or the broker does not tell.
    """

    topic: str
    partition: int
    member: str | None
    lag: int
    oldest_at: datetime | None


class GroupStatus(ABC):
    """Looks at one group. Joins nothing, moves nothing, disturbs nobody."""

    @abstractmethod
    def partitions(self) -> Sequence[PartitionStatus]:
        """Every partition of the group's topic, by number, as of now. One round trip, or two.

        Raises:
            schemas.errors.Retry: the broker is away.
            schemas.errors.Stop: not allowed, or no such topic.
        """
