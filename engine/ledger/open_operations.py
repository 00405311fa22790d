"""Open operations: whatever has not arrived on the other side, with the reason. Nothing is given up silently."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, select, tuple_, update

from engine.ledger import many_rows
from engine.ledger.models import OpenOperationModel, OpenWaitModel, table_of
from engine.ledger.one_of import one_of
from engine.ledger.record_keys import both_ways, by_lane, either_way, of_lane, values_of
from schemas.change_event import ChangeKind
from schemas.operations import OperationKey
from schemas.system import Direction

_TABLE = table_of(OpenOperationModel)
_WAITS = table_of(OpenWaitModel)
_KEY = tuple_(_TABLE.c.mapping, _TABLE.c.direction, _TABLE.c.record_id)

# Statements of the hot path are made once: making one costs more than running it.
_LOAD = either_way(_TABLE)
_WAITING = select(_TABLE).where(
    _KEY.in_(
        select(_WAITS.c.mapping, _WAITS.c.direction, _WAITS.c.record_id).where(one_of(_WAITS.c.waits_on, "references"))
    )
)
_CLOSE = delete(_TABLE).where(of_lane(_TABLE))
_END_WAITS = delete(_WAITS).where(of_lane(_WAITS))
_CHANGE = update(_TABLE).where(of_lane(_TABLE))
_WAITS_FOR_NOTHING, _DUE_NO_MORE = _CHANGE.values(waits_on=[]), _CHANGE.values(due_at=None)


class OpenStatus(StrEnum):
    """Why an operation is open, and what ends it."""

    PARKED = "Parked"
    """Waits for ``waits_on`` to be coupled, or (candidates in ``detail``) for a person to choose; looked at again when
    due."""
    DEFERRED = "Deferred"
    """Written without references, which follow when ``waits_on`` are coupled."""
    FAILED = "Failed"
    """Refused once; tried again when due."""
    SKIPPED = "Skipped"
    """Refused twice with the same error; waits for the record to change, or Retry."""
    CONFLICT = "Conflict"
    """Changed on both sides; waits for a person, or for the sides to agree."""
    STOPPED = "Stopped"
    """Credentials or privileges are wrong; tried again when due."""


@dataclass(slots=True)
class OpenOperation:
    """One open operation; see :class:`OpenStatus`.

    Attributes:
        kind: of the event that it came from, for running it again.
        fingerprint: tells whether the next error is the same one.
        waits_on: keys of what it waits for; any of them will do to try it again.
        source_version: of the source row when it was refused: another version is worth another try.
        detail: candidates of a match, or the values of a conflict.
        due_at: when it is tried again by itself.
    """

    key: OperationKey
    status: OpenStatus
    kind: ChangeKind
    text: str
    first_at: datetime
    last_at: datetime
    code: str = ""
    fingerprint: str = ""
    attempts: int = 0
    waits_on: tuple[str, ...] = ()
    source_version: str | None = None
    detail: Any = None
    run_id: str | None = None
    due_at: datetime | None = None


def load(
    connection: Connection, mapping: str, direction: Direction, ids: Sequence[str], counter_ids: Sequence[str]
) -> dict[OperationKey, OpenOperation]:
    """The open operations of these records, and of their counterparts in the opposite direction. One query."""
    rows = connection.execute(_LOAD, both_ways(mapping, direction, ids, counter_ids))
    return {entry.key: entry for entry in map(_entry, rows)}


def put(connection: Connection, entries: Sequence[OpenOperation]) -> None:
    """Add or replace."""
    close(connection, [entry.key for entry in entries])
    many_rows.insert(connection, _TABLE, [_values(entry) for entry in entries])
    waits = [{**values_of(entry.key), "waits_on": on} for entry in entries for on in dict.fromkeys(entry.waits_on)]
    many_rows.insert(connection, _WAITS, waits)


def close(connection: Connection, keys: Iterable[OperationKey]) -> None:
    """These are not open any more."""
    for lane in by_lane(keys):
        connection.execute(_CLOSE, lane)


def waiting_on(connection: Connection, references: Sequence[str]) -> list[OpenOperation]:
    """Those that wait for any of these records. One query, by index."""
    if not references:
        return []
    return [_entry(row) for row in connection.execute(_WAITING, {"references": references})]


def stop_waiting(connection: Connection, entries: Sequence[OpenOperation]) -> None:
    """They stay open, but wait for nothing any more: they are about to be tried again."""
    for lane in by_lane(entry.key for entry in entries):
        connection.execute(_END_WAITS, lane)
        connection.execute(_WAITS_FOR_NOTHING, lane)


def is_due(connection: Connection, now: datetime) -> bool:
    """Whether the time of any has come. By index."""
    return connection.execute(select(_TABLE.c.due_at).where(_TABLE.c.due_at <= now).limit(1)).first() is not None


def take_due(connection: Connection, now: datetime, limit: int) -> list[OpenOperation]:
    """Those whose time has come, oldest first; nobody else gets them. By index."""
    statement = (
        select(_TABLE)
        .where(_TABLE.c.due_at <= now)
        .order_by(_TABLE.c.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    entries = [_entry(row) for row in connection.execute(statement)]
    for lane in by_lane(entry.key for entry in entries):
        connection.execute(_DUE_NO_MORE, lane)
    return entries


def listed(
    connection: Connection,
    *,
    mapping: str | None = None,
    status: OpenStatus | None = None,
    record_id: str | None = None,
    limit: int,
) -> list[OpenOperation]:
    """For people: the oldest first."""
    statement = select(_TABLE).where(*_chosen(mapping, status, record_id)).order_by(_TABLE.c.first_at).limit(limit)
    return [_entry(row) for row in connection.execute(statement)]


def counted(connection: Connection) -> dict[OpenStatus, int]:
    """For people: how many there are of each status that there is."""
    rows = connection.execute(select(_TABLE.c.status, func.count()).group_by(_TABLE.c.status))
    found = {OpenStatus(status): count for status, count in rows}
    return {status: found[status] for status in OpenStatus if status in found}


def retry(
    connection: Connection,
    now: datetime,
    *,
    mapping: str | None = None,
    status: OpenStatus | None = None,
    record_id: str | None = None,
) -> int:
    """Have these tried again now, as if for the first time if they were refused; how many there are."""
    chosen = _chosen(mapping, status, record_id)
    refused = _TABLE.c.status.in_([OpenStatus.SKIPPED.value, OpenStatus.FAILED.value])
    afresh = {"status": OpenStatus.FAILED.value, "attempts": 0, "fingerprint": ""}
    due = connection.execute(update(_TABLE).where(*chosen).values(due_at=now)).rowcount
    connection.execute(update(_TABLE).where(*chosen, refused).values(afresh))
    return due


def _chosen(mapping: str | None, status: OpenStatus | None, record_id: str | None) -> list[ColumnElement[bool]]:
    wanted = {"mapping": mapping, "status": status.value if status else None, "record_id": record_id}
    return [_TABLE.c[name] == value for name, value in wanted.items() if value is not None]


def _values(entry: OpenOperation) -> dict[str, Any]:
    return {
        **values_of(entry.key),
        "status": entry.status.value,
        "kind": entry.kind.value,
        "waits_on": list(entry.waits_on),
        "code": entry.code,
        "text": entry.text,
        "fingerprint": entry.fingerprint,
        "attempts": entry.attempts,
        "source_version": entry.source_version,
        "detail": entry.detail,
        "run_id": entry.run_id,
        "first_at": entry.first_at,
        "last_at": entry.last_at,
        "due_at": entry.due_at,
    }


def _entry(row: Any) -> OpenOperation:
    return OpenOperation(
        key=OperationKey(row.mapping, Direction(row.direction), row.record_id),
        status=OpenStatus(row.status),
        kind=ChangeKind(row.kind),
        text=row.text,
        first_at=row.first_at,
        last_at=row.last_at,
        code=row.code,
        fingerprint=row.fingerprint,
        attempts=row.attempts,
        waits_on=tuple(row.waits_on),
        source_version=row.source_version,
        detail=row.detail,
        run_id=row.run_id,
        due_at=row.due_at,
    )
