"""Recording a batch: everything that its operations decided, in one transaction.

What the transaction decides for others (children whose parent is coupled now, parents to pull in, follow-ups) leaves it
as events in the outbox. Parking and coupling take turns, so that a child that parks while its parent is being coupled
by another worker is released by one of the two.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, Engine, text

from engine.ledger import couplings, intents, jobs, open_operations, outbox, runs
from engine.ledger.couplings import Coupling, CouplingMoved, Uncoupled, Wanted
from engine.ledger.database import write
from engine.ledger.jobs import JobError, JobKey
from engine.ledger.open_operations import OpenOperation
from schemas.change_event import ChangeEvent
from schemas.errors import Retry
from schemas.operations import OperationKey
from schemas.outcomes import Outcome

_GATE_LOCK = 0x7477696E726F77
"""PostgreSQL advisory lock of whoever parks or couples; on SQLite there is one writer anyway."""


@dataclass(frozen=True, slots=True)
class Counted:
    """One outcome to be counted, in the jobs of its runs or in the running flow's."""

    key: OperationKey
    outcome: Outcome
    run_ids: tuple[str, ...]
    error: JobError | None


@dataclass(slots=True)
class Recording:
    """What a batch decided. Empty parts cost nothing."""

    added: list[Coupling] = field(default_factory=list)
    changed: list[Coupling] = field(default_factory=list)
    removed: list[Coupling] = field(default_factory=list)
    left: list[Uncoupled] = field(default_factory=list)
    coupled_again: list[Uncoupled] = field(default_factory=list)
    opened: list[OpenOperation] = field(default_factory=list)
    closed: list[OperationKey] = field(default_factory=list)
    waits: dict[OperationKey, Wanted] = field(default_factory=dict)
    releases: list[str] = field(default_factory=list)
    fulfilled: list[OperationKey] = field(default_factory=list)
    events: list[ChangeEvent] = field(default_factory=list)
    counted: list[Counted] = field(default_factory=list)

    def commit(
        self, database: Engine, now: datetime, release: Callable[[OpenOperation], ChangeEvent], published: Iterable[str]
    ) -> list[ChangeEvent]:
        """Write everything; answer the events to publish now, which are in the outbox until ``published`` names them.

        Raises:
            Retry: the database is away, or another worker changed one of the couplings; nothing was written.
        """
        try:
            with write(database) as connection:
                return self._write(connection, now, release, published)
        except CouplingMoved as error:
            reason = "another worker changed one of these couplings in the meantime"
            raise Retry(reason, code="coupling_moved", after=0.05) from error

    def _write(
        self,
        connection: Connection,
        now: datetime,
        release: Callable[[OpenOperation], ChangeEvent],
        published: Iterable[str],
    ) -> list[ChangeEvent]:
        if (self.releases or self.waits) and connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _GATE_LOCK})
        couplings.remove(connection, self.removed)
        couplings.note_uncoupled(connection, self.left, now)
        couplings.change(connection, self.changed)
        couplings.add(connection, self.added)
        couplings.forget_uncoupled(connection, self.coupled_again)
        intents.fulfil(connection, self.fulfilled)
        open_operations.close(connection, self.closed)
        open_operations.put(connection, self.opened)
        events = [*self.events, *map(release, self._released(connection))]
        outbox.add(connection, events, now)
        outbox.remove(connection, published)
        self._count(connection, now)
        return events

    def _released(self, connection: Connection) -> list[OpenOperation]:
        """What waited for a record that is coupled now, whoever coupled it; it waits for it no more."""
        released = {entry.key: entry for entry in open_operations.waiting_on(connection, self.releases)}
        if self.waits:
            coupled = couplings.resolve(connection, self.waits.values())
            names = {(one.mapping, by, getattr(one, by)) for one in coupled for by in ("bc_id", "bc_key", "dv_id")}
            opened = {entry.key: entry for entry in self.opened}
            for key, wanted in self.waits.items():
                (value,) = wanted.values
                if any((mapping, wanted.by, value) in names for mapping in wanted.mappings):
                    released[key] = opened[key]
        for entry in released.values():
            entry.waits_on = None
        open_operations.put(connection, list(released.values()))
        return list(released.values())

    def _count(self, connection: Connection, now: datetime) -> None:
        by_job: dict[JobKey, list[Counted]] = defaultdict(list)
        for one in self.counted:
            for run_id in one.run_ids or (None,):
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
