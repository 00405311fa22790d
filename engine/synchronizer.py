"""The synchronizer: one batch of operations from the ledger's memory to the ledger's record.

::

    recall     what the ledger knows                          one reading transaction
    adopt      what an interrupted attempt created            a request only after an interruption
    read       the source rows                                one request
    gate       references whose record is not coupled         a request only where one is missing
    pair       match, or announce a create                    a transaction only for creates
    decide     three-way merge                                a request only where the destination is not as known
    announce   what is about to be changed                    a transaction only for two-way columns; for a pair found
                                                              just now, one that couples it first
    write      conditionally, per row                         one request, and one more for rows that moved
    record     couplings, outcomes, releases, counters        one writing transaction
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Engine

from engine import creating, deleting, matching, updating
from engine.backoff import delay
from engine.context import BatchContext
from engine.decision import decide, needs_destination
from engine.gate import Pull, pass_gate
from engine.intake import our_tag
from engine.ledger.recording import MOVED
from engine.operation import Operation
from engine.plan import Plans
from engine.reading import end_echoes, read_source
from engine.recall import recall
from engine.recorder import Recorder
from engine.scheduler import Batch
from engine.work import Work
from engine.writing import write_all
from schemas.change_event import ChangeEvent
from schemas.errors import Retry, Skip, Stop
from schemas.outcomes import Outcome
from schemas.system import System
from systems.interface import RecordSystem

_log = structlog.get_logger()


@dataclass(slots=True)
class BatchResult:
    """What became of a batch.

    Attributes:
        done: operations that ended, and are recorded.
        again: operations to run again, each after so many seconds.
        hold: seconds during which the lane should rest, because the system asked for it.
        events: to publish now.
        outcomes: how the operations in ``done`` ended, in the same order.
        trouble: why the lane waits, where a system or the database is in trouble.
    """

    done: list[Operation] = field(default_factory=list)
    again: list[tuple[Operation, float]] = field(default_factory=list)
    hold: float = 0.0
    events: list[ChangeEvent] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    trouble: str | None = None

    def add(self, other: "BatchResult") -> None:
        """Take over what became of other operations of the lane."""
        self.done += other.done
        self.again += other.again
        self.hold = max(self.hold, other.hold)
        self.events += other.events
        self.outcomes += other.outcomes
        self.trouble = self.trouble or other.trouble


class Synchronizer:
    """See the module's docstring. Safe to call from several threads, with batches of different records.

    Args:
        clock: now, UTC and aware.
        new_id: unique text, for tags and events.
        retry_failed_after: when a refused operation is tried a second time by itself.
        durable: whether what is recorded has to survive a power loss by itself. It need not where the topic's positions
            are in the same database: they are committed later, and take along all that was written before.
    """

    def __init__(
        self,
        plans: Plans,
        systems: Mapping[System, RecordSystem],
        database: Engine,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        retry_failed_after: timedelta = timedelta(seconds=60),
        durable: bool = True,
    ) -> None:
        self._plans = plans
        self._systems = systems
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._recorder = Recorder(
            plans, database, clock=clock, new_id=new_id, retry_failed_after=retry_failed_after, durable=durable
        )

    def run(self, batch: Batch, published: Iterable[str] = ()) -> BatchResult:
        """Synchronize the batch's records. Never raises: trouble of systems or database is in the result.

        A record that the engine itself stumbles over fails alone, visibly, and holds up nobody.

        Args:
            published: ids of events of earlier results that a topic has acknowledged.
        """
        try:
            return self._run(batch, published, None)
        except Exception as stumble:  # noqa: BLE001 - logged, and recorded with the record it happened to
            _log.exception("a batch failed unexpectedly", mapping=batch.lane.mapping, records=len(batch.operations))
            if len(batch.operations) == 1:
                text = f"unexpected {type(stumble).__name__}; the log has the details, please report it"
                return self._run(batch, published, Skip(text, code="unexpected"))
        result = BatchResult()
        for operation in batch.operations:
            result.add(self.run(Batch(batch.lane, [operation])))
        return result

    def _run(self, batch: Batch, published: Iterable[str], stumble: Skip | None) -> BatchResult:
        plan = self._plans[batch.lane.mapping]
        works = [Work(operation, plan) for operation in batch.operations]
        context = BatchContext(
            self._plans,
            plan,
            batch.lane.direction,
            self._systems,
            self._database,
            self._clock,
            tag=our_tag(plan.name, self._new_id()),
        )
        trouble: Retry | None = None
        pulls: list[Pull] = []
        events: list[ChangeEvent] = []
        try:
            if stumble is not None:
                works[0].end(Outcome.FAILED, stumble)
            else:
                self._carry(works, pulls, events, context)
        except Retry as error:
            trouble = error
            for work in works:
                if work.open:
                    work.again(error)
        except Stop as error:
            for work in works:
                if work.open:
                    work.stop(error)
        result = self._record(works, pulls, context, trouble, published)
        result.events = events + result.events
        return result

    def _carry(
        self, works: Sequence[Work], pulls: list[Pull], events: list[ChangeEvent], context: BatchContext
    ) -> None:
        """Carry works as far as they go.

        ``pulls`` takes the parents to pull in, and ``events`` what is in the outbox, whatever happens afterwards.
        """
        counter_intents = recall(works, context.plan, context.direction, self._database)
        creating.adopt(works, context)
        end_echoes(works, context)
        deleting.source_gone(read_source(works, context, counter_intents), context)
        pulls += pass_gate([work for work in works if work.open], context)
        uncoupled = [work for work in works if work.open and work.coupling is None]
        matching.match(uncoupled, context)
        creating.prepare(uncoupled, context)
        _decide(works, context)
        events += self._recorder.couple(works)
        updating.announce(works, context)
        deleting.destination_gone(write_all(works, context), context)

    def _record(
        self,
        works: Sequence[Work],
        pulls: Sequence[Pull],
        context: BatchContext,
        trouble: Retry | None,
        published: Iterable[str],
    ) -> BatchResult:
        result = BatchResult()
        ended = [work for work in works if work.outcome is not None]
        try:
            result.events = self._recorder.record(ended, pulls, context, published)
        except Retry as error:
            if error.code == MOVED and len(ended) > 1:
                return self._record_singly(works, pulls, context, trouble, published)
            trouble = error
            for work in ended:
                work.again(error)
            ended = []
        result.done = [work.operation for work in ended]
        result.outcomes = [work.outcome for work in ended if work.outcome is not None]
        result.again = [
            (work.operation, delay(work.operation.attempts + 1, work.retry)) for work in works if work.retry is not None
        ]
        if trouble is not None and trouble.code != MOVED:
            result.trouble = trouble.text
            result.hold = min((seconds for _, seconds in result.again), default=0.0)
        return result

    def _record_singly(
        self,
        works: Sequence[Work],
        pulls: Sequence[Pull],
        context: BatchContext,
        trouble: Retry | None,
        published: Iterable[str],
    ) -> BatchResult:
        """Another worker changed one of the couplings: only its record is run again."""
        result = self._record([], pulls, context, trouble, published)
        for work in works:
            result.add(self._record([work], [], context, trouble, ()))
        return result


def _decide(works: Sequence[Work], context: BatchContext) -> None:
    """Decide about coupled works, reading destination rows where they are not known to agree with the base."""
    coupled = [(work, work.coupling) for work in works if work.open and work.coupling is not None]
    destination = context.direction.destination
    unread = [pair for pair in coupled if pair[0].destination_row is None and needs_destination(pair[0], context)]
    rows = context.read_destination(coupling.id_in(destination) for _, coupling in unread)
    gone = []
    for work, coupling in unread:
        work.destination_row = rows.get(coupling.id_in(destination))
        if work.destination_row is None:
            gone.append(work)
    deleting.destination_gone(gone, context)
    for work, _ in coupled:
        if work.open:
            decide(work, context)
