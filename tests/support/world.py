"""A small world to test the engine in: two systems in memory, a topic that is a list, and one worker that is a loop.

Nothing here waits or runs by itself: :meth:`World.settle` delivers events and runs operations until there is nothing
left to do, in an order that a seed decides. Time is a number that moves only when everything else has stopped.
"""

import random
from collections import Counter, deque
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

from sqlalchemy import Engine

from engine.intake import Intake
from engine.ledger import couplings, open_operations, outbox
from engine.ledger.couplings import Coupling
from engine.ledger.database import read
from engine.ledger.open_operations import OpenOperation
from engine.plan import Plans
from engine.scheduler import Scheduler
from engine.synchronizer import Synchronizer
from schemas.change_event import ChangeEvent, ChangeKind
from schemas.mapping import Mappings
from schemas.outcomes import Outcome
from schemas.row import Row, Value
from schemas.system import System
from schemas.topics import Message
from systems import in_process
from systems.in_process import InProcessSystem

BC, DV = System.BUSINESS_CENTRAL, System.DATAVERSE
WORKER = "00000000-0000-0000-0000-00000000beef"
"""The user that the engine writes as in Dataverse."""

_RESTLESS = 5_000
"""Steps after which a world that should have come to rest counts as an endless loop."""


class World:
    """See the module's docstring.

    Args:
        seed: decides in which order events are delivered and how many operations make a batch; ``None``: as they come.
        delivered: how often each event is delivered, at least.
    """

    def __init__(self, mappings: Mappings, database: Engine, *, seed: int | None = None) -> None:
        self.database = database
        self.plans = Plans(mappings)
        self.pending: deque[ChangeEvent] = deque()
        self.outcomes: Counter[Outcome] = Counter()
        self.written: list[tuple[System, str]] = []
        self.random = random.Random(seed) if seed is not None else None  # noqa: S311 - a simulation, not a secret
        self._ids = count(1)
        self._numbers = count(1)
        self.seconds = 0.0
        self.bc = self._system(BC)
        self.dv = self._system(DV)
        self.systems = {BC: self.bc, DV: self.dv}
        self.restart()

    def restart(self) -> None:
        """A new worker over the same systems and ledger: what the old one had in memory is gone."""
        ranks = {plan.name: plan.rank for plan in self.plans.in_order()}
        self.scheduler = Scheduler(ranks, lambda: self.seconds)
        self.intake = Intake(self.plans)
        self.synchronizer = Synchronizer(
            self.plans,
            self.systems,
            self.database,
            clock=self.now,
            new_id=self.new_id,
        )

    def now(self) -> datetime:
        """The world's time."""
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def new_id(self) -> str:
        """The next id."""
        return str(UUID(int=next(self._ids)))

    def edit(self, system: System, table: str, values: dict[str, Value], row_id: str | None = None) -> str:
        """A user's change; the row's id."""
        return self.systems[system].edit(table, values, row_id=row_id, user="a person").id

    def remove(self, system: System, table: str, row_id: str) -> None:
        """A user's deletion."""
        self.systems[system].remove(table, row_id, user="a person")

    def row(self, system: System, table: str, row_id: str) -> dict[str, Value]:
        """A row's values as they are."""
        return dict(self.systems[system].rows(table)[row_id].values)

    def rows(self, system: System, table: str) -> dict[str, Row]:
        """All rows of a table."""
        return self.systems[system].rows(table)

    def notify(self, system: System, table: str, row_id: str, kind: ChangeKind = ChangeKind.MODIFIED) -> None:
        """An event for a row, whatever happened to it."""
        self.pending.append(self._event(system, table, row_id, kind, "", ""))

    def settle(self, *, limit: int = _RESTLESS) -> None:
        """Deliver and run until nothing is left, moving time on when only time is missing.

        Raises:
            AssertionError: it does not come to rest.
        """
        for _ in range(limit):
            if not self.step():
                return
        raise AssertionError(f"no rest after {limit} steps: {self.outcomes}")

    def step(self) -> bool:
        """Deliver an event or run a batch; False when there is nothing to do any more."""
        if self.pending and (self.random is None or self.random.random() < 0.7):
            self._deliver()
            return True
        batch = self.scheduler.take(self.random.randint(1, 5) if self.random else 100, 0.0)
        if batch is None:
            return self._wait()
        result = self.synchronizer.run(batch)
        self.outcomes.update(result.outcomes)
        self.pending.extend(result.events)
        self.scheduler.done(result.done)
        for operation, delay in result.again:
            self.scheduler.give_back(operation, delay)
        return True

    def couplings(self, mapping: str) -> list[Coupling]:
        """All couplings of a mapping."""
        with read(self.database) as connection:
            return couplings.page(connection, mapping, 0, 10_000)

    def open_operations(self) -> list[OpenOperation]:
        """Whatever has not arrived."""
        with read(self.database) as connection:
            return open_operations.listed(connection, mapping=None, status=None, limit=10_000)

    def redeliver_outbox(self) -> None:
        """What the sweeper of the outbox does after a crash."""
        with read(self.database) as connection:
            self.pending.extend(outbox.left_over(connection, self.now() + timedelta(days=1), 10_000))

    def _deliver(self) -> None:
        if self.random is None:
            event = self.pending.popleft()
        else:
            index = self.random.randrange(min(len(self.pending), 8))
            event = self.pending[index]
            del self.pending[index]
            if self.random.random() < 0.1:
                self.pending.append(event)  # at least once
        offset = next(self._numbers)
        message = Message("changes", 0, offset, event.key, b"", {}, self.now())
        operations = self.intake.operations(message, [event])
        self.scheduler.offer(None if operations else message, operations)

    def _wait(self) -> bool:
        if self.pending:
            self._deliver()
            return True
        if self.scheduler.idle:
            return False
        self.seconds += 1.0
        return True

    def _system(self, system: System) -> InProcessSystem:
        def heard(kind: in_process.ChangeKind, table: str, row_id: str, tag: str, user: str) -> None:
            deleted = kind is in_process.ChangeKind.DELETED
            if tag or user == WORKER or not user:
                self.written.append((system, table))
            seen_tag, seen_user = (tag, user) if system is DV else ("", "")
            self.pending.append(
                self._event(
                    system, table, row_id, ChangeKind.DELETED if deleted else ChangeKind.MODIFIED, seen_tag, seen_user
                )
            )

        return InProcessSystem(
            system,
            user=WORKER,
            clock=self.now,
            new_id=self.new_id,
            on_change=heard,
            complete=self._complete if system is BC else None,
        )

    def _complete(self, table: str, values: dict[str, Value]) -> dict[str, Value]:
        """The number series of Business Central."""
        if table in ("customers", "vendors") and not values.get("contactNumber"):
            values["contactNumber"] = f"CT{next(self._numbers):06}"
        return values

    def _event(self, system: System, table: str, row_id: str, kind: ChangeKind, tag: str, user: str) -> ChangeEvent:
        return ChangeEvent(
            id=self.new_id(),
            system=system,
            table=table,
            record_id=row_id,
            kind=kind,
            time=self.now(),
            origin=tag or None,
            actor=user or None,
        )
