"""How often something happened lately."""

from collections import deque

_SLOTS = 30


class RollingCount:
    """Counts what happened within the last ``window`` seconds, to a thirtieth of that. Not thread-safe."""

    def __init__(self, window: float) -> None:
        self._slot = window / _SLOTS
        self._counts: deque[tuple[int, int]] = deque()

    def add(self, now: float) -> None:
        """It happened."""
        slot = int(now // self._slot)
        if self._counts and self._counts[-1][0] == slot:
            slot, count = self._counts.pop()
            self._counts.append((slot, count + 1))
        else:
            self._counts.append((slot, 1))
            self._forget(slot)

    def total(self, now: float) -> int:
        """How often."""
        self._forget(int(now // self._slot))
        return sum(count for _, count in self._counts)

    def _forget(self, slot: int) -> None:
        while self._counts and self._counts[0][0] <= slot - _SLOTS:
            self._counts.popleft()
