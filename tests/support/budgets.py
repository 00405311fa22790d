"""Processes that share a budget, in a time of their own that only a test moves."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from engine.ledger.worker_lease import Backlog, Process, WorkerLease
from schemas.budget import Allowance
from schemas.errors import Retry
from schemas.system import System
from systems.budget import Budget, Permit

SYSTEM = System.BUSINESS_CENTRAL


@dataclass
class FakeTime:
    """Seconds, and the same as a clock."""

    seconds: float = 0.0

    def monotonic(self) -> float:
        """Seconds since the beginning."""
        return self.seconds

    def clock(self) -> datetime:
        """The time of day."""
        return datetime(2026, 11, 25, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self.seconds += seconds


@dataclass
class Sharer:
    """One process: its budget, its lease, its requests under way."""

    budget: Budget
    lease: WorkerLease
    under_way: list[Permit] = field(default_factory=list)

    def beat(self) -> bool:
        """A heartbeat."""
        return self.lease.beat(Backlog())

    def send(self, most: int) -> list[Permit]:
        """Start as many requests as it may at once, ``most`` at most."""
        started: list[Permit] = []
        try:
            while len(started) < most:
                started.append(self.budget.start())
        except Retry:
            pass
        self.under_way += started
        return started

    def finish(self) -> None:
        """All its requests end."""
        for permit in self.under_way:
            self.budget.end(permit)
        self.under_way.clear()


def sharer(
    database: Engine, time: FakeTime, limit: Allowance, credentials: tuple[str, ...] = ("one",), name: str = "worker"
) -> Sharer:
    """A process that has not joined yet."""
    budget = Budget("Business Central", credentials, limit, monotonic=time.monotonic, patience=0)
    process = Process(name, host="here", pid=1, version="1", serves="test")
    return Sharer(budget, WorkerLease(database, process, {SYSTEM: budget}, clock=time.clock))
