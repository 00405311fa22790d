"""How far a partition is finished when messages finish in any order: the highest contiguous position."""

from collections import deque
from collections.abc import Iterable


class ContiguousPosition:
    """What was delivered from one partition, and what of it is settled.

    Constant time a message, amortised. Not for several threads.
    """

    def __init__(self, start: int) -> None:
        """``start``: the offset to be read first."""
        self._next = start
        self._order: deque[int] = deque()
        self._open: set[int] = set()

    @property
    def position(self) -> int:
        """Where reading continues after a restart: everything delivered below is settled."""
        return self._order[0] if self._order else self._next

    @property
    def next(self) -> int:
        """The offset behind the last one delivered."""
        return self._next

    def delivered(self, offset: int) -> None:
        """``offset`` is delivered. Offsets grow; gaps (pruned, transaction markers) count as settled."""
        if offset < self._next:
            raise ValueError(f"offset {offset} comes after {self._next - 1}")
        self._order.append(offset)
        self._open.add(offset)
        self._next = offset + 1

    def settled(self, offsets: Iterable[int]) -> None:
        """These are finished; those that were never delivered here, or are settled already, are ignored."""
        self._open.difference_update(offsets)
        while self._order and self._order[0] not in self._open:
            self._order.popleft()
