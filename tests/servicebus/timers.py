"""What is to happen later, on a clock that a test may hold in its hand."""

import heapq
from collections.abc import Callable
from itertools import count


class Timers:
    """Calls functions at their times. Not thread-safe: it belongs to the broker's thread."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """``clock`` gives seconds since 1970."""
        self.now = clock
        self.on_earlier: Callable[[], None] = lambda: None
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()

    def at(self, moment: float, call: Callable[[], None]) -> None:
        """Call once at that time, or as soon as :meth:`run` is called after it."""
        entry = (moment, next(self._order), call)
        heapq.heappush(self._due, entry)
        if self._due[0] is entry:
            self.on_earlier()

    @property
    def next_due(self) -> float | None:
        """When the next call is due."""
        return self._due[0][0] if self._due else None

    def run(self) -> None:
        """Make every call that is due, in order."""
        while self._due and self._due[0][0] <= self.now():
            _, _, call = heapq.heappop(self._due)
            call()
