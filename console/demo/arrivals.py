"""What arrives: every outcome that the worker reports, with the record's name, and how long a user's change took."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import TypeAlias

from console.demo.record_names import RecordNames
from engine.ledger.clock import Clock
from engine.operation import Operation
from engine.scheduler import Batch
from engine.synchronizer import BatchResult
from schemas.outcomes import Outcome
from schemas.system import Direction, System


@dataclass(frozen=True, slots=True)
class Arrival:
    """One outcome. ``latency``: seconds since a user made the change, where this is the arrival of one."""

    at: datetime
    direction: Direction
    mapping: str
    record: str
    outcome: Outcome
    latency: float | None


OnArrival: TypeAlias = Callable[[Arrival], None]
"""Hears of each, on the worker's threads."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A user's change of a record. ``is_there`` looks whether the other system has it."""

    system: System
    record_id: str
    since: datetime
    is_there: Callable[[], bool]


class Arrivals:
    """The worker's observer. Safe to call from several threads.

    Attributes:
        on_arrival: may be replaced at any time.
    """

    def __init__(self, names: RecordNames, clock: Clock, on_arrival: OnArrival) -> None:
        self._names = names
        self._clock = clock
        self.on_arrival = on_arrival
        self._counters: Counter[tuple[str, Outcome]] = Counter()
        self._expected: dict[tuple[System, str], Expected] = {}
        self._latencies: list[float] = []
        self._lock = Lock()

    def expect(self, change: Expected) -> None:
        """A user made this change just now."""
        with self._lock:
            self._expected[change.system, change.record_id] = change

    def is_expected(self, system: System, record_id: str) -> bool:
        """Whether a user's change of this record is on its way."""
        with self._lock:
            return (system, record_id) in self._expected

    @property
    def missing(self) -> int:
        """How many of the users' changes the other system does not have."""
        with self._lock:
            return sum(not change.is_there() for change in self._expected.values())

    @property
    def counters(self) -> Counter[tuple[str, Outcome]]:
        """How often each outcome occurred, by mapping."""
        with self._lock:
            return self._counters.copy()

    @property
    def latencies(self) -> list[float]:
        """Seconds from a user's change until the worker was done with it and the other system had it."""
        with self._lock:
            return list(self._latencies)

    def __call__(self, _batch: Batch, result: BatchResult) -> None:
        with self._lock:
            ended = zip(result.done, result.outcomes, strict=True)
            arrivals = [self._arrival(operation, outcome) for operation, outcome in ended]
        for arrival in arrivals:
            self.on_arrival(arrival)

    def _arrival(self, operation: Operation, outcome: Outcome) -> Arrival:
        key, now = operation.key, self._clock()
        self._counters[key.mapping, outcome] += 1
        latency = None
        record = (key.direction.source, key.record_id)
        # What one mapping ignores, another one of the same table carries.
        change = self._expected.get(record) if outcome is not Outcome.IGNORED else None
        if change is not None and change.is_there():
            del self._expected[record]
            latency = (now - change.since).total_seconds()
            self._latencies.append(latency)
        return Arrival(now, key.direction, key.mapping, self._names.of(key), outcome, latency)
