"""A small world to test runs in: two systems in memory, a topic that is a list, and an engine that only counts.

Nothing runs by itself: whenever the producer waits, time passes and the engine processes some of what is on the topic.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from sqlalchemy import Engine

from engine.ledger import runs
from engine.ledger.couplings import Coupling, add
from engine.ledger.database import read, write
from engine.ledger.run_leases import LIFETIME
from engine.ledger.runs import Run, RunState
from producers.context import ProducerContext
from producers.scanned_tables import takers
from schemas import cloud_event, json_codec
from schemas.change_event import ChangeEvent
from schemas.features import Features
from schemas.mapping import Mapping, Mappings
from schemas.mapping_file import load
from schemas.outcomes import Outcome
from schemas.row import Value
from schemas.system import Direction, System
from schemas.topics import OutgoingMessage, Publisher
from systems.in_process import InProcessSystem, Moment

BC, DV = System.BUSINESS_CENTRAL, System.DATAVERSE
MAPPINGS = load([Path(__file__).parent / "mappings.yaml"], Features()).mappings

TOPIC = "changes"


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


class ListTopic(Publisher):
    """Keeps events in a list. ``strike`` is called before and after each publication, and may raise.

    Attributes:
        on_publish: hears of events before they are published.
    """

    def __init__(self, strike: Callable[[], None]) -> None:
        self.events: list[ChangeEvent] = []
        self.on_publish: Callable[[Sequence[ChangeEvent]], None] = lambda _: None
        self.strike = strike

    def publish(self, topic: str, messages: Sequence[OutgoingMessage]) -> None:
        assert topic == TOPIC
        self.strike()
        events = [cloud_event.decode(json_codec.decode(message.body)) for message in messages]
        self.on_publish(events)
        self.events.extend(events)
        self.strike()

    def close(self) -> None:
        """Nothing to release."""


class RunWorld:
    """See the module's docstring.

    Attributes:
        strike: called at every step of a producer, and may raise: a crash, or trouble.
        outcome: decides what becomes of a record.
        speed: events that the engine processes while the producer waits.
        patience: waits in a row without anything to process after which a run counts as stuck.
    """

    def __init__(
        self, database: Engine, *, mappings: Mappings = MAPPINGS, page_size: int = 2, ahead: int = 100
    ) -> None:
        self.database = database
        self.mappings = mappings
        self.seconds = 0.0
        self.speed = 3
        self.patience = 300
        self.strike: Callable[[], None] = lambda: None
        self.on_wait: Callable[[], None] = lambda: None
        self.outcome: Callable[[str, str], Outcome] = lambda _mapping, _record_id: Outcome.INSERTED
        self.bc = InProcessSystem(BC, clock=self._time, fault=self._read)
        self.dv = InProcessSystem(DV, clock=self._time, fault=self._read)
        self.topic = ListTopic(self.step)
        self.scan_error: Callable[[str], Exception | None] = lambda _table: None
        self._processed = 0
        self._processing = False
        self._idle = 0
        ids = count(1)
        self.context = ProducerContext(
            database=database,
            mappings=mappings,
            systems={BC: self.bc, DV: self.dv},
            publisher=self.topic,
            topic=TOPIC,
            clock=self.now,
            new_id=lambda: f"id-{next(ids)}",
            wait=self._wait,
            page_size=page_size,
            ahead=ahead,
        )

    def now(self) -> datetime:
        """The world's time, as a producer asks for it."""
        self.step()
        return self._time()

    def step(self) -> None:
        """A step of a producer; what the engine does is none."""
        if not self._processing:
            self.strike()

    def edit(self, system: System, table: str, row_id: str, **values: Value) -> None:
        """A user's change of a row, a second after the last."""
        self.seconds += 1
        (self.bc if system is BC else self.dv).edit(table, values, row_id=row_id)

    def remove(self, system: System, table: str, row_id: str) -> None:
        """A user's deletion of a row."""
        (self.bc if system is BC else self.dv).remove(table, row_id)

    def couple(self, mapping: str, bc_id: str, dv_id: str) -> None:
        """Couple two rows."""
        with write(self.database) as connection:
            add(connection, [Coupling(mapping, bc_id, dv_id)])

    def run(self, run_id: str | None = None) -> Run:
        """A run as in the ledger; the newest."""
        with read(self.database) as connection:
            run = runs.load(connection, run_id or runs.listed(connection)[0])
        assert run is not None
        return run

    def states(self) -> dict[tuple[str, Direction], RunState]:
        """Of the newest run's tables."""
        return {(table.mapping, table.direction): table.state for table in self.run().tables}

    def published(self, table: str) -> list[str]:
        """The ids of records of a table that were published, in order, each as often as it was."""
        return [event.record_id or "" for event in self.topic.events if event.table == table]

    def let_heartbeat_expire(self) -> None:
        """So that the process of a run counts as dead."""
        self.seconds += LIFETIME.total_seconds() + 1

    def empty_topic(self) -> None:
        """Have everything processed, and forget it."""
        self.process(len(self.topic.events))
        self.topic.events.clear()
        self._processed = 0

    def process(self, number: int) -> int:
        """Have the engine process so many events; how many there were."""
        events = self.topic.events[self._processed : self._processed + number]
        self._processed += len(events)
        self._processing = True
        for event in events:
            if event.run_id is not None and event.record_id is not None:
                for mapping in takers(self.mappings, event.system, event.table):
                    self._record(event, mapping)
        self._processing = False
        return len(events)

    def _record(self, event: ChangeEvent, mapping: Mapping) -> None:
        record_id = event.record_id or ""
        with write(self.database) as connection:
            runs.record_outcomes(
                connection,
                event.run_id or "",
                mapping.name,
                Direction.out_of(event.system),
                {record_id: self.outcome(mapping.name, record_id)},
            )

    def _time(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def _wait(self, seconds: float) -> None:
        self.step()
        self.seconds += seconds
        self._idle = 0 if self.process(self.speed) else self._idle + 1
        assert self._idle < self.patience, f"stuck: {self.run()}"
        self.on_wait()

    def _read(self, _moment: Moment, table: str, _write: object) -> None:
        self.step()
        error = self.scan_error(table)
        if error is not None:
            raise error
