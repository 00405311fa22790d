"""Service protection: how much one user may ask for."""

import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from systems.sandbox.store import Clock

Excess: TypeAlias = Literal["requests", "time", "concurrency"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one user may do; ``None`` is no limit.

    Attributes:
        requests: in one window.
        window: a sliding one.
        execution_time: of all requests of a window together.
        concurrent: requests carried out at once.
        queued: further ones that wait for a place instead of being refused.
    """

    requests: int | None = None
    window: timedelta = timedelta(minutes=5)
    execution_time: timedelta | None = None
    concurrent: int | None = None
    queued: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a request is too much of.

    Attributes:
        actual: how many there are, this one included.
        retry_after: until the window has room again.
    """

    excess: Excess
    actual: int
    maximum: int
    retry_after: timedelta


@dataclass(slots=True)
class _Usage:
    """What a user did inside the window, oldest first, and does right now."""

    started: deque[datetime]
    finished: deque[tuple[datetime, timedelta]]
    running: int = 0
    waiting: int = 0


class Throttle:
    """Counts requests by user against :class:`Limits`. Safe to call from several threads."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self.limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._usage: dict[str, _Usage] = {}

    def admit(self, user_id: str) -> Refusal | None:
        """Count a request in, or say why it is refused; an admitted one must :meth:`start`, once it can."""
        with self._lock:
            usage, now = self._current(user_id)
            refusal = self._refusal(usage, now)
            if refusal is None:
                usage.started.append(now)
                usage.waiting += 1
            return refusal

    def start(self, user_id: str) -> bool:
        """Take a place among the concurrent requests; False while there is none."""
        with self._lock:
            usage, _ = self._current(user_id)
            if self.limits.concurrent is not None and usage.running >= self.limits.concurrent:
                return False
            usage.waiting -= 1
            usage.running += 1
            return True

    def finish(self, user_id: str, took: timedelta) -> None:
        """Give the place back."""
        with self._lock:
            usage, now = self._current(user_id)
            usage.running -= 1
            if self.limits.execution_time is not None:
                usage.finished.append((now, took))

    def remaining(self, user_id: str) -> int | None:
        """Requests left in the window."""
        with self._lock:
            usage, _ = self._current(user_id)
            return None if self.limits.requests is None else max(0, self.limits.requests - len(usage.started))

    def _current(self, user_id: str) -> tuple[_Usage, datetime]:
        usage = self._usage.setdefault(user_id, _Usage(deque(), deque()))
        now = self._clock()
        while usage.started and usage.started[0] <= now - self.limits.window:
            usage.started.popleft()
        while usage.finished and usage.finished[0][0] <= now - self.limits.window:
            usage.finished.popleft()
        return usage, now

    def _refusal(self, usage: _Usage, now: datetime) -> Refusal | None:
        limits = self.limits
        if limits.requests is not None and len(usage.started) >= limits.requests:
            frees = usage.started[0] + limits.window - now if usage.started else limits.window
            return Refusal("requests", len(usage.started) + 1, limits.requests, frees)
        if limits.execution_time is not None:
            spent = sum((took for _, took in usage.finished), timedelta())
            if spent >= limits.execution_time:
                frees = usage.finished[0][0] + limits.window - now
                return Refusal("time", int(spent.total_seconds()), int(limits.execution_time.total_seconds()), frees)
        if limits.concurrent is not None:
            present = usage.running + usage.waiting
            if present >= limits.concurrent + limits.queued:
                return Refusal("concurrency", present + 1, limits.concurrent, timedelta(seconds=1))
        return None
