"""What came over the wire, for tests that count requests or look at their order."""

import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime

from systems.sandbox.exchange import Part


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One request to a system's API.

    Attributes:
        number: counts from 1, in the order in which requests were answered.
        path: with query, as sent.
        status: of the answer; 0 where none was sent.
        size: of the request's body, in bytes.
        seconds: from the first byte to the answer.
        parts: operations of a batch that were carried out, in order.
    """

    number: int
    at: datetime
    user: str
    method: str
    path: str
    status: int
    size: int
    seconds: float
    parts: tuple[Part, ...]


class RequestLog:
    """The newest requests; older ones are counted but forgotten. Safe to call from several threads."""

    def __init__(self, capacity: int = 20_000) -> None:
        self._lock = threading.Lock()
        self._entries: deque[LoggedRequest] = deque(maxlen=capacity)
        self._count = 0

    def add(
        self,
        *,
        at: datetime,
        user: str,
        method: str,
        path: str,
        status: int,
        size: int,
        seconds: float,
        parts: tuple[Part, ...],
    ) -> None:
        with self._lock:
            self._count += 1
            self._entries.append(LoggedRequest(self._count, at, user, method, path, status, size, seconds, parts))

    @property
    def count(self) -> int:
        """Requests since the start or the last :meth:`clear`, forgotten ones included."""
        with self._lock:
            return self._count

    def entries(self, *, method: str = "", path: str = "", status: int | None = None) -> list[LoggedRequest]:
        """Requests of that method whose path contains ``path``, oldest first."""
        with self._lock:
            found = list(self._entries)
        return [
            entry
            for entry in found
            if method in ("", entry.method) and path in entry.path and status in (None, entry.status)
        ]

    def operations(self, *, method: str = "", path: str = "") -> list[Part]:
        """Every operation in order, whether it came by itself or inside a batch."""
        flat = [
            part
            for entry in self.entries()
            for part in (entry.parts or (Part(entry.method, entry.path, entry.status),))
        ]
        return [part for part in flat if method in ("", part.method) and path in part.url]

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
            self._count = 0
