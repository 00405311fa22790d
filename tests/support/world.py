"""A small world to test the engine in: two systems in memory, a topic that is a list, and one worker that is a loop.

Nothing here waits or runs by itself: :meth:`World.settle` delivers events and runs operations until there is nothing
left to do. Time is a number that moves only when everything else has stopped, or a test says so.

A test takes part through ``hook``: it hears of every call to a system before and after it works, and may edit rows,
answer an error, run another batch meanwhile, or raise :class:`Crash`.
"""

from collections import Counter, deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TypeAlias
from uuid import UUID

from sqlalchemy import Engine

from engine.intake import Intake
from engine.ledger import couplings, jobs, open_operations, outbox
from engine.ledger.couplings import Coupling
from engine.ledger.database import read, write
from engine.ledger.jobs import Job
from engine.ledger.open_operations import OpenOperation
from engine.plan import Plans
from engine.release import event_of
from engine.scheduler import Batch, Scheduler
from engine.synchronizer import Synchronizer
from schemas.change_event import ChangeEvent, ChangeKind
from schemas.errors import SyncError
from schemas.mapping import Mappings
from schemas.outcomes import Outcome
from schemas.row import Row, Value
from schemas.system import System
from schemas.topics import Message
from systems import in_process
from systems.in_process import InProcessSystem, Moment
from systems.interface import Write
from systems.row_store import RowStore
from tests.support.dice import dice

BC, DV = System.BUSINESS_CENTRAL, System.DATAVERSE
WORKER = "00000000-0000-0000-0000-00000000beef"
"""The user that the engine writes as in Dataverse."""

_RESTLESS = 5_000
"""Steps after which a world that should have come to rest counts as an endless loop."""

_OUT_OF_ORDER = 8
"""How far an event may overtake others."""

Hook: TypeAlias = Callable[[System, Moment, str, Write | None], SyncError | None]
"""Called with system, moment, table and write (``None``: reading); what it answers, the call fails with."""


Rule: TypeAlias = Callable[[Mapping[str, Value]], Mapping[str, Value]]
"""A business rule: given a row's values, those that it changes."""


class RuledSystem(InProcessSystem):
    """A system with business rules, by table."""

    rules: dict[str, Rule]

    def _put(
        self,
        table: str,
        store: RowStore,
        row_id: str,
        old: Row | None,
        changes: Mapping[str, Value],
        tag: str,
        user: str,
    ) -> Row:
        rule = self.rules.get(table)
        if rule is not None:
            changes = {**changes, **rule({**(old.values if old is not None else {}), **changes})}
        return super()._put(table, store, row_id, old, changes, tag, user)


class Crash(BaseException):
    """The worker dies here: no error handling sees it."""


class World:
    """See the module's docstring.

    Args:
        seed: decides in which order events are delivered, how many operations make a batch, and which events are
            delivered twice; ``None``: once, as they come.
    """

    def __init__(self, mappings: Mappings, database: Engine, *, seed: int | None = None) -> None:
        self.database = database
        self.plans = Plans(mappings)
        self.pending: deque[ChangeEvent] = deque()
        self.outcomes: Counter[Outcome] = Counter()
        self.written: list[tuple[System, str]] = []
        self.created: list[tuple[System, str, str]] = []
        self.random = dice(seed) if seed is not None else None
        self.hook: Hook = lambda _system, _moment, _table, _write: None
        self.duplicates = True
        self.seconds = 0.0
        self._ids = count(1)
        self._numbers = count(1)
        self._offsets = count(0)
        self._unsettled: dict[int, ChangeEvent] = {}
        self._published: list[str] = []
        self.bc = self._system(BC)
        self.dv = self._system(DV)
        self.systems = {BC: self.bc, DV: self.dv}
        self._start()

    def restart(self) -> None:
        """A new worker over the same systems and ledger, after a crash: what was not settled is delivered again."""
        self.pending.extendleft(reversed(self._unsettled.values()))
        self._unsettled.clear()
        self._published.clear()
        self._start()

    def now(self) -> datetime:
        """The world's time."""
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def new_id(self) -> str:
        """The next id."""
        return str(UUID(int=next(self._ids)))

    def edit(self, system: System, table: str, values: Mapping[str, Value], row_id: str | None = None) -> str:
        """A user's change, a moment after the one before; the row's id."""
        self.seconds += 0.001
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

    def rule(self, system: System, table: str, rule: Rule) -> None:
        """From now on the system makes this of every row of the table that is written, by whomever."""
        self.systems[system].rules[table] = rule

    def notify(
        self,
        system: System,
        table: str,
        row_id: str,
        kind: ChangeKind = ChangeKind.MODIFIED,
        *,
        run_id: str | None = None,
    ) -> None:
        """An event for a row, whatever happened to it."""
        self.pending.append(self._event(system, table, row_id, kind, run_id=run_id))

    def settle(self, *, limit: int = _RESTLESS) -> None:
        """Deliver and run until nothing is left, moving time on when only time is missing.

        Raises:
            AssertionError: it does not come to rest.
        """
        for _ in range(limit):
            if not self.step():
                assert not self._unsettled, "at rest, every message is settled"
                return
        raise AssertionError(f"no rest after {limit} steps: {self.outcomes}")

    def step(self) -> bool:
        """Deliver an event or run a batch; False when there is nothing to do any more."""
        if self.pending and (self.random is None or self.random.random() < 0.7):
            self._deliver()
            return True
        if self.run_batch():
            return True
        if self.pending:
            self._deliver()
            return True
        if self.scheduler.idle:
            return False
        self.seconds += 1.0
        return True

    def run_batch(self) -> bool:
        """Run a batch, if one is ready."""
        batch = self.scheduler.take(self.random.randint(1, 5) if self.random else 100, 0.0)
        if batch is None:
            return False
        self._finish(batch)
        return True

    def pass_time(self, seconds: float) -> int:
        """Let time pass, publish what is due by then, and settle; how many events that were."""
        self.seconds += seconds
        with write(self.database) as connection:
            entries = open_operations.take_due(connection, self.now(), 1_000)
            events = [event_of(entry, self.plans, event_id=self.new_id(), now=self.now()) for entry in entries]
            outbox.add(connection, events, self.now())
        left_over = self.redeliver_outbox()
        self.settle()
        return left_over

    def redeliver_outbox(self) -> int:
        """Publish what is left in the outbox; how much."""
        with read(self.database) as connection:
            events = outbox.left_over(connection, self.now() + timedelta(days=1), 10_000)
        known = set(self._published)
        fresh = [event for event in events if event.id not in known]
        self.pending.extend(fresh)
        self._published.extend(event.id for event in fresh)
        return len(fresh)

    def retry(self, *, record_id: str | None = None) -> None:
        """A person asks for another try, of one record or of everything that is open."""
        with write(self.database) as connection:
            open_operations.retry(connection, self.now(), record_id=record_id)
        self.pass_time(0)

    def couplings(self, mapping: str) -> list[Coupling]:
        """All couplings of a mapping."""
        with read(self.database) as connection:
            return couplings.page(connection, mapping, 0, 10_000)

    def open_operations(self) -> list[OpenOperation]:
        """Whatever has not arrived."""
        with read(self.database) as connection:
            return open_operations.listed(connection, limit=10_000)

    def jobs(self, run_id: str | None = None) -> list[Job]:
        """What was counted."""
        with read(self.database) as connection:
            return jobs.listed(connection, run_id=run_id, limit=10_000)

    def _start(self) -> None:
        ranks = {plan.name: plan.rank for plan in self.plans.in_order()}
        self.scheduler = Scheduler(ranks, lambda: self.seconds)
        self.intake = Intake(self.plans)
        self.synchronizer = Synchronizer(self.plans, self.systems, self.database, clock=self.now, new_id=self.new_id)

    def _finish(self, batch: Batch) -> None:
        published, self._published = self._published, []
        result = self.synchronizer.run(batch, published)
        self.outcomes.update(result.outcomes)
        self.pending.extend(result.events)
        self._published.extend(event.id for event in result.events)
        for operation, delay in result.again:
            self.scheduler.give_back(operation, delay)
        if result.hold:
            self.scheduler.hold(batch.lane, result.hold)
        self.scheduler.done(result.done)
        self._settle_messages()

    def _settle_messages(self) -> None:
        for message in self.scheduler.finished():
            del self._unsettled[message.offset]  # a message that finishes twice is a KeyError

    def _deliver(self) -> None:
        if self.random is None:
            event = self.pending.popleft()
        else:
            index = self.random.randrange(min(len(self.pending), _OUT_OF_ORDER))
            event = self.pending[index]
            del self.pending[index]
            if self.duplicates and self.random.random() < 0.1:
                self.pending.append(event)  # at least once
        message = Message("changes", 0, next(self._offsets), event.key, b"", {}, self.now())
        self._unsettled[message.offset] = event
        operations = self.intake.operations(message, [event])
        self.scheduler.offer(None if operations else message, operations)
        self._settle_messages()

    def _system(self, system: System) -> "RuledSystem":
        def heard(kind: in_process.ChangeKind, table: str, row_id: str, tag: str, user: str) -> None:
            if user != "a person":
                self.written.append((system, table))
                if kind is in_process.ChangeKind.CREATED:
                    self.created.append((system, table, row_id))
            event_kind = ChangeKind.DELETED if kind is in_process.ChangeKind.DELETED else ChangeKind.MODIFIED
            tag_seen, user_seen = (tag, user) if system is DV else ("", "")
            self.pending.append(self._event(system, table, row_id, event_kind, tag=tag_seen, user=user_seen))

        made = RuledSystem(
            system,
            user=WORKER,
            clock=self.now,
            new_id=self.new_id,
            on_change=heard,
            fault=lambda moment, table, written: self.hook(system, moment, table, written),
            complete=self._complete if system is BC else None,
        )
        made.rules = {}
        return made

    def _complete(self, table: str, values: dict[str, Value]) -> dict[str, Value]:
        """The number series of Business Central."""
        if table in ("customers", "vendors") and not values.get("contactNumber"):
            values["contactNumber"] = f"CT{next(self._numbers):06}"
        return values

    def _event(
        self,
        system: System,
        table: str,
        row_id: str,
        kind: ChangeKind,
        *,
        tag: str = "",
        user: str = "",
        run_id: str | None = None,
    ) -> ChangeEvent:
        return ChangeEvent(
            id=self.new_id(),
            system=system,
            table=table,
            record_id=row_id,
            kind=kind,
            time=self.now(),
            run_id=run_id,
            origin=tag or None,
            actor=user or None,
        )
