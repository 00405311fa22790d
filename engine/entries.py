"""What an ended work leaves open in the ledger, and when that is tried again.

::

    Parked      when what it waits for happens; looked at again when due, at growing intervals: perhaps it cannot come
    Deferred    when what it waits for happens
    Failed      when due; the same error again, then or later: Skipped
    Skipped     when the record changes, or a person says so
    Conflict    when either side changes
    Stopped     when due, for as long as it takes
"""

from datetime import datetime, timedelta

from engine.ledger.couplings import Wanted
from engine.ledger.open_operations import OpenOperation, OpenStatus
from engine.work import Work
from schemas.change_event import ChangeKind
from schemas.errors import Park
from schemas.outcomes import Outcome


def entry_of(work: Work, now: datetime, retry_after: timedelta) -> OpenOperation | None:
    """The open operation that an ended work leaves; ``None``: nothing is open."""
    status = work.status or _status_by_outcome(work)
    if status is None:
        return None
    before, error = work.entry, work.error
    fingerprint = error.fingerprint if error is not None else ""
    first_at = before.first_at if before is not None else now
    due_at = _due_at(status, now, first_at, retry_after)
    if status is OpenStatus.FAILED and before is not None and before.fingerprint == fingerprint:
        if before.status is OpenStatus.SKIPPED or _was_due(before, now):
            status, due_at = OpenStatus.SKIPPED, None
        else:
            due_at = before.due_at  # delivered twice, or edited meanwhile: the second try is still to come
    waits_on = [error.waits_on] if isinstance(error, Park) else [want.waiting_key for want in work.deferred]
    return OpenOperation(
        key=work.key,
        status=status,
        kind=ChangeKind.SYNC_ALL if work.wants_new else work.operation.kind,
        text=error.text if error is not None else _without(work.deferred),
        first_at=first_at,
        last_at=now,
        code=error.code if error is not None else "deferred",
        fingerprint=fingerprint,
        attempts=(before.attempts if before is not None else 0) + 1,
        waits_on=tuple(waits_on),
        source_version=work.row.version if work.row is not None else None,
        detail=work.detail,
        run_id=work.run_ids[-1] if work.run_ids else None,
        due_at=due_at,
    )


def _status_by_outcome(work: Work) -> OpenStatus | None:
    match work.outcome:
        case Outcome.FAILED:
            return OpenStatus.FAILED
        case Outcome.PARKED:
            return OpenStatus.PARKED
        case _:
            return OpenStatus.DEFERRED if work.deferred else None


def _due_at(status: OpenStatus, now: datetime, first_at: datetime, retry_after: timedelta) -> datetime | None:
    match status:
        case OpenStatus.FAILED | OpenStatus.STOPPED:
            return now + retry_after
        case OpenStatus.PARKED:
            return now + max(retry_after, now - first_at)
        case _:
            return None


def _was_due(before: OpenOperation, now: datetime) -> bool:
    return before.status is OpenStatus.FAILED and (before.due_at is None or before.due_at <= now)


def _without(deferred: list[Wanted]) -> str:
    records = ", ".join(f"{want.value} of {' or '.join(want.mappings)}" for want in deferred)
    return f"written without references to records that are not coupled; they follow: {records}"
