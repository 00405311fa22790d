"""From ended works to a recording: couplings, open operations, follow-up events, counters."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Engine

from engine.context import BatchContext
from engine.entries import entry_of
from engine.gate import Pull
from engine.ledger import couplings
from engine.ledger.couplings import Coupling
from engine.ledger.database import read
from engine.ledger.jobs import JobError
from engine.ledger.open_operations import OpenOperation, OpenStatus
from engine.ledger.recording import Counted, Recording
from engine.plan import Plans
from engine.release import event_of
from engine.work import Work
from engine.writing import NOT_KEPT
from schemas.change_event import ChangeEvent, ChangeKind
from schemas.outcomes import Outcome
from schemas.system import Direction, System
from systems.interface import Create


class Recorder:
    """Records what a batch came to. See :class:`engine.synchronizer.Synchronizer` for the arguments."""

    def __init__(
        self,
        plans: Plans,
        database: Engine,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        retry_failed_after: timedelta,
        durable: bool,
    ) -> None:
        self._plans = plans
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._retry_failed_after = retry_failed_after
        self._durable = durable

    def record(
        self, works: Sequence[Work], pulls: Iterable[Pull], context: BatchContext, published: Iterable[str]
    ) -> list[ChangeEvent]:
        """Record ended works in one transaction; answer the events to publish.

        Raises:
            Retry: nothing was recorded.
        """
        recording = Recording()
        now = self._clock()
        for work in works:
            news = self._pair(work, recording)
            if work.intent is not None and _is_certain(work):
                recording.fulfilled.append(work.key)
            if work.under_way and (work.merge is not None or work.coupling is None or work.removed is not None):
                recording.recorded.append(work.key)
            touched = self._open_or_close(work, recording, now)
            self._follow_up(work, recording, context, news=news)
            self._count(work, recording, touched=touched)
        recording.events.extend(self._pulled(pulls))
        return recording.commit(self._database, now, self._released, published, durable=self._durable)

    def couple(self, works: Iterable[Work]) -> list[ChangeEvent]:
        """Record couplings found just now, before anything is written on their strength; answer the events to publish.

        Otherwise the other direction, meeting a row that it does not know any more, would create it once again.

        Raises:
            Retry: another worker coupled one of the rows; nothing was recorded.
        """
        found = [work for work in works if work.open and work.write and work.coupling and work.coupling.id is None]
        if not found:
            return []
        recording = Recording()
        for work in found:
            self._pair(work, recording)
            if work.intent is not None:
                recording.fulfilled.append(work.key)
        events = recording.commit(self._database, self._clock(), self._released, (), durable=self._durable)
        lane = found[0].key
        with read(self._database) as connection:
            stored = couplings.load(
                connection, lane.mapping, lane.direction.source, [work.key.record_id for work in found]
            )
        for work in found:
            work.coupling = work.stored = stored.get(work.key.record_id)
            work.intent = work.uncoupled = None
        return events

    def _pair(self, work: Work, recording: Recording) -> bool:
        """Record the work's coupling; whether that says something that the ledger did not know."""
        if work.left is not None:
            recording.left.append(work.left)
        if work.removed is not None:
            if work.removed.id is not None:
                recording.removed.append(work.removed)
            return True
        before, coupling = work.stored, _coupling(work)
        if coupling is None:
            return False
        if coupling.id is None:
            recording.added.append(coupling)
            recording.releases.extend(self._plans.waiting_keys(coupling))
            if work.uncoupled is not None:
                recording.coupled_again.append(work.uncoupled)
            return True
        if before is None or coupling == replace(
            before, last_to_dataverse=coupling.last_to_dataverse, last_from_dataverse=coupling.last_from_dataverse
        ):
            return False
        recording.changed.append(coupling)
        if coupling.bc_key != before.bc_key:
            recording.releases.extend(self._plans.waiting_keys(coupling))
        return True

    def _open_or_close(self, work: Work, recording: Recording, now: datetime) -> bool:
        """Record what the work leaves open; whether something was open about its record, or is."""
        entry = entry_of(work, now, self._retry_failed_after)
        if entry is not None:
            if entry.status is OpenStatus.SKIPPED:
                work.outcome = Outcome.SKIPPED
            recording.opened.append(entry)
            if work.awaits is not None:
                recording.awaits[work.key] = work.awaits
            elif waited_for := [work.waits] if work.waits is not None else work.deferred:
                recording.waits[work.key] = waited_for
            return True
        if work.removed is not None:
            recording.closed.extend(work.removed.keys)
        if work.counter_entry is not None and work.agreed:
            recording.closed.append(work.counter_entry.key)
        if work.entry is None or not _settles(work, work.entry):
            return False
        recording.closed.append(work.key)
        return True

    def _follow_up(self, work: Work, recording: Recording, context: BatchContext, *, news: bool) -> None:
        """What the other direction, or the other side, is to do now."""
        destination = context.direction.destination
        coupling = work.settled
        if coupling is not None and work.plan.allows(work.direction.reverse):
            in_conflict = work.counter_entry is not None and _may_be_over(work.counter_entry)
            # A difference that the ledger knows of was carried back, or is open, already.
            if (work.carry_back and news) or (in_conflict and work.status is None and not work.agreed):
                record_id = coupling.id_in(destination)
                recording.events.append(self._event(work, destination, record_id, ChangeKind.MODIFIED))
        if work.restore is not None:
            recording.events.append(self._event(work, work.restore.system, work.restore.record_id, ChangeKind.SYNC_ALL))

    def _event(self, work: Work, system: System, record_id: str, kind: ChangeKind) -> ChangeEvent:
        return ChangeEvent(
            id=self._new_id(),
            system=system,
            table=work.plan.tables[system].name,
            record_id=record_id,
            kind=kind,
            time=self._clock(),
        )

    def _pulled(self, pulls: Iterable[Pull]) -> Iterable[ChangeEvent]:
        distinct = {(pull.plan.name, pull.system, pull.record_id): pull for pull in pulls}
        for pull in distinct.values():
            yield ChangeEvent(
                id=self._new_id(),
                system=pull.system,
                table=pull.plan.tables[pull.system].name,
                record_id=pull.record_id,
                kind=pull.kind,
                time=self._clock(),
                run_id=pull.run_ids[-1] if pull.run_ids else None,
            )

    def _released(self, entry: OpenOperation) -> ChangeEvent:
        return event_of(entry, self._plans, event_id=self._new_id(), now=self._clock())

    def _count(self, work: Work, recording: Recording, *, touched: bool) -> None:
        if work.outcome is None:
            raise ValueError("only ended works are recorded")
        failed = work.outcome in (Outcome.FAILED, Outcome.SKIPPED, Outcome.CONFLICT)
        error = JobError(work.key.record_id, work.error.code, work.error.text) if failed and work.error else None
        counted_by: tuple[str | None, ...] = work.operation.run_ids or (None,)
        if touched:  # what a run left open, the run counts, whoever ends it
            counted_by = tuple(dict.fromkeys((*counted_by, *work.run_ids)))
        recording.counted.append(Counted(work.key, work.outcome, counted_by, error))


def _coupling(work: Work) -> Coupling | None:
    """The coupling to be recorded: as settled, or as understood, whatever became of the work afterwards."""
    if work.settled is not None:
        return work.settled
    found = work.coupling if work.coupling is not work.stored else None
    if found is not None and found.bc_key is None and work.row is not None and work.direction is Direction.TO_DATAVERSE:
        found.bc_key = work.plan.key_of(work.row)
    return found


def _is_certain(work: Work) -> bool:
    """Whether it is known what became of the row that an intent announced."""
    if work.coupling is not None or work.settled is not None:
        return True
    return work.looked or isinstance(work.write, Create)


def _settles(work: Work, entry: OpenOperation) -> bool:
    """Whether a work that leaves nothing open ends what its record left open earlier."""
    if work.outcome is Outcome.SKIPPED or (work.operation.writer is not None and work.row is None):
        return False  # nothing was tried; an echo says nothing about what is open
    if entry.code == NOT_KEPT:
        coupling = work.settled or work.coupling
        return coupling is None or coupling.bounces == 0
    return True


def _may_be_over(entry: OpenOperation) -> bool:
    """Whether a conflict may have ended by what happened on the other side."""
    return entry.status is OpenStatus.CONFLICT and entry.code != NOT_KEPT
