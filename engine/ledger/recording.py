"""Recording a batch: everything that its operations decided, in one transaction.

What the transaction decides for others (children whose parent is coupled now, parents to pull in, follow-ups) leaves it
as events in the outbox. Parking and coupling take turns, so that a child that parks while its parent is being coupled
by another worker is released by one of the two.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, Engine, text

from engine.ledger import couplings, intents, jobs, open_operations, outbox, runs, updates
from engine.ledger.couplings import Coupling, CouplingMoved, Uncoupled, Wanted
from engine.ledger.database import write
from engine.ledger.jobs import JobError, JobKey
from engine.ledger.open_operations import OpenOperation
from schemas.change_event import ChangeEvent
from schemas.errors import Retry
from schemas.operations import OperationKey
from schemas.outcomes import Outcome

MOVED = "coupling_moved"
"""Code of the error when another worker changed one of the couplings."""

_GATE_LOCK = 0x7477696E67617465
"""PostgreSQL advisory lock of whoever parks or couples; on SQLite there is one writer anyway."""


def moved() -> Retry:
    """The error to raise for :class:`~engine.ledger.couplings.CouplingMoved`."""
    return Retry("another worker changed one of these couplings in the meantime", code=MOVED, after=0.05)


@dataclass(frozen=True, slots=True)
class Counted:
    """One outcome to be counted, in the job of each of these runs; ``None`` is the running flow."""

    key: OperationKey
    outcome: Outcome
    run_ids: tuple[str | None, ...]
    error: JobError | None


@dataclass(slots=True)
class Recording:
    """What a batch decided. Empty parts cost nothing.

    Attributes:
        left: notes of rows that were uncoupled on purpose; ``coupled_again``: those to be forgotten.
        waits: of opened operations, the records that they wait for; ``awaits``: whose creation they wait for.
        releases: keys under which operations wait that are to be tried again.
        fulfilled: records whose intent is no more; ``recorded``: whose update is under way no more.
    """

    added: list[Coupling] = field(default_factory=list)
    changed: list[Coupling] = field(default_factory=list)
    removed: list[Coupling] = field(default_factory=list)
    left: list[Uncoupled] = field(default_factory=list)
    coupled_again: list[Uncoupled] = field(default_factory=list)
    opened: list[OpenOperation] = field(default_factory=list)
    closed: list[OperationKey] = field(default_factory=list)
    waits: dict[OperationKey, Sequence[Wanted]] = field(default_factory=dict)
    awaits: dict[OperationKey, OperationKey] = field(default_factory=dict)
    releases: list[str] = field(default_factory=list)
    fulfilled: list[OperationKey] = field(default_factory=list)
    recorded: list[OperationKey] = field(default_factory=list)
    events: list[ChangeEvent] = field(default_factory=list)
    counted: list[Counted] = field(default_factory=list)

    def commit(
        self,
        database: Engine,
        now: datetime,
        release: Callable[[OpenOperation], ChangeEvent],
        published: Iterable[str],
        *,
        durable: bool,
    ) -> list[ChangeEvent]:
        """Write everything; answer the events to publish now, which are in the outbox until ``published`` names them.

        Raises:
            Retry: the database is away, or another worker changed one of the couplings; nothing was written.
        """
        try:
            with write(database, durable=durable) as connection:
                return self._write(connection, now, release, published)
        except CouplingMoved as error:
            raise moved() from error

    def _write(
        self,
        connection: Connection,
        now: datetime,
        release: Callable[[OpenOperation], ChangeEvent],
        published: Iterable[str],
    ) -> list[ChangeEvent]:
        if self._takes_turns and connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _GATE_LOCK})
        couplings.remove(connection, self.removed)
        couplings.note_uncoupled(connection, self.left, now)
        couplings.change(connection, self.changed)
        couplings.add(connection, self.added)
        couplings.forget_uncoupled(connection, self.coupled_again)
        intents.fulfil(connection, self.fulfilled)
        updates.forget(connection, self.recorded)
        open_operations.close(connection, self.closed)
        open_operations.put(connection, self.opened)
        events = [*self.events, *map(release, self._released(connection))]
        outbox.add(connection, events, now)
        outbox.remove(connection, published)
        self._count(connection, now)
        return events

    @property
    def _takes_turns(self) -> bool:
        """Whether it parks, or ends what others may be parking on just now."""
        return bool(self.releases or self.waits or self.fulfilled or self.awaits)

    def _released(self, connection: Connection) -> list[OpenOperation]:
        """What waits for something that has happened now, whoever brought it about; it waits no more."""
        happened = [*self.releases, *map(intents.waiting_key, self.fulfilled)]
        released = {entry.key: entry for entry in open_operations.waiting_on(connection, happened)}
        in_vain = self._waiting_in_vain(connection)
        released.update({entry.key: entry for entry in self.opened if entry.key in in_vain})
        open_operations.stop_waiting(connection, list(released.values()))
        return list(released.values())

    def _waiting_in_vain(self, connection: Connection) -> set[OperationKey]:
        """Operations that park here, and whose wait was over before."""
        outstanding = intents.outstanding(connection, self.awaits.values())
        over = {key for key, awaited in self.awaits.items() if awaited not in outstanding}
        if self.waits:
            coupled = couplings.resolve(connection, [want for wants in self.waits.values() for want in wants])
            names = {(one.mapping, by, getattr(one, by)) for one in coupled for by in ("bc_id", "bc_key", "dv_id")}
            for key, wants in self.waits.items():
                if any((mapping, want.by, want.value) in names for want in wants for mapping in want.mappings):
                    over.add(key)
        return over

    def _count(self, connection: Connection, now: datetime) -> None:
        by_job: dict[JobKey, list[Counted]] = defaultdict(list)
        for one in self.counted:
            for run_id in one.run_ids:
                by_job[JobKey(one.key.mapping, one.key.direction, run_id)].append(one)
        for job, counted in sorted(by_job.items(), key=lambda item: item[0].id_at(now)):
            counters = _counters(connection, job, counted)
            errors = [one.error for one in counted if one.error is not None]
            if errors or any(counters.values()):
                jobs.count(connection, job, counters, errors, now)


def _counters(connection: Connection, job: JobKey, counted: list[Counted]) -> Counter[Outcome]:
    if job.run_id is None:
        return Counter(one.outcome for one in counted)
    outcomes = {one.key.record_id: one.outcome for one in counted}
    before = runs.record_outcomes(connection, job.run_id, job.mapping, job.direction, outcomes)
    counters = Counter(outcomes[record_id] for record_id in before)
    counters.subtract(Counter(outcome for outcome in before.values() if outcome is not None))
    return counters
