"""From ended works to a recording: couplings, open operations, follow-up events, counters."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Engine

from engine.context import BatchContext
from engine.gate import Pull
from engine.ledger.jobs import JobError
from engine.ledger.open_operations import OpenOperation, OpenStatus
from engine.ledger.recording import Counted, Recording
from engine.plan import Plans
from engine.release import event_of
from engine.work import Work
from schemas.change_event import ChangeEvent, ChangeKind
from schemas.errors import SyncError
from schemas.outcomes import Outcome
from schemas.system import System
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
    ) -> None:
        self._plans = plans
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._retry_failed_after = retry_failed_after

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
            self._pair(work, recording)
            self._open_or_close(work, recording, now)
            self._follow_up(work, recording, context)
            self._count(work, recording)
        recording.events.extend(self._pulled(pulls))
        return recording.commit(self._database, now, self._released, published)

    def _pair(self, work: Work, recording: Recording) -> None:
        settled, before = work.settled, work.coupling
        if work.removed is not None:
            recording.removed.append(work.removed)
        if work.left is not None:
            recording.left.append(work.left)
        if settled is not None:
            if settled.id is None:
                recording.added.append(settled)
                if work.uncoupled is not None:
                    recording.coupled_again.append(work.uncoupled)
            elif before is not None and settled != replace(
                before, last_to_dataverse=settled.last_to_dataverse, last_from_dataverse=settled.last_from_dataverse
            ):
                recording.changed.append(settled)
            if settled.id is None or (before is not None and settled.bc_key != before.bc_key):
                recording.releases.extend(self._plans.waiting_keys(settled))
        refused = work.outcome is Outcome.FAILED and isinstance(work.write, Create)
        if work.intent is not None and (settled is not None or refused):
            recording.fulfilled.append(work.key)

    def _open_or_close(self, work: Work, recording: Recording, now: datetime) -> None:
        if work.operation.echo and work.row is None and work.removed is None:
            return  # an echo says nothing about what is open
        status = work.status or _status_by_outcome(work)
        if status is None:
            if work.entry is not None and work.outcome is not Outcome.SKIPPED:
                recording.closed.append(work.key)
            return
        entry = self._entry(work, status, now)
        if entry.status is OpenStatus.SKIPPED:
            work.outcome = Outcome.SKIPPED
        recording.opened.append(entry)
        waited_for = work.waits or work.deferred
        if waited_for is not None:
            recording.waits[work.key] = waited_for

    def _entry(self, work: Work, status: OpenStatus, now: datetime) -> OpenOperation:
        before, error = work.entry, work.error
        fingerprint = error.fingerprint if error is not None else ""
        again = before is not None and before.status in (OpenStatus.FAILED, OpenStatus.SKIPPED)
        if status is OpenStatus.FAILED and before is not None and again and before.fingerprint == fingerprint:
            status = OpenStatus.SKIPPED
        due = status in (OpenStatus.FAILED, OpenStatus.STOPPED)
        waited_for = work.waits or work.deferred
        return OpenOperation(
            key=work.key,
            status=status,
            kind=work.operation.kind,
            text=error.text if error is not None else "waits for a referenced record, written without it",
            first_at=before.first_at if before is not None else now,
            last_at=now,
            code=error.code if error is not None else "deferred",
            fingerprint=fingerprint,
            attempts=(before.attempts if before is not None else 0) + 1,
            waits_on=waited_for.waiting_key if waited_for is not None else None,
            source_version=work.row.version if work.row is not None else None,
            detail=work.detail,
            run_id=work.operation.run_ids[-1] if work.operation.run_ids else None,
            due_at=now + self._retry_failed_after if due else None,
        )

    def _follow_up(self, work: Work, recording: Recording, context: BatchContext) -> None:
        if work.carry_back and work.settled is not None and work.plan.allows(work.direction.reverse):
            destination = context.direction.destination
            record_id = work.settled.id_in(destination)
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

    def _count(self, work: Work, recording: Recording) -> None:
        if work.outcome is None:
            raise ValueError("only ended works are recorded")
        failed = work.outcome in (Outcome.FAILED, Outcome.SKIPPED, Outcome.CONFLICT)
        error = _job_error(work, work.error) if failed and work.error is not None else None
        recording.counted.append(Counted(work.key, work.outcome, work.operation.run_ids, error))


def _status_by_outcome(work: Work) -> OpenStatus | None:
    if work.outcome is Outcome.FAILED:
        return OpenStatus.FAILED
    if work.outcome is Outcome.PARKED:
        return OpenStatus.PARKED
    return OpenStatus.DEFERRED if work.deferred is not None else None


def _job_error(work: Work, error: SyncError) -> JobError:
    return JobError(work.key.record_id, error.code, error.text)
