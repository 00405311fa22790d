"""Runs: full sync, sync modified and replay, how far each has come, and what became of each of its records.

A record is *registered* before its event is published, and *processed* with its first outcome. Both count rows, so that
an event twice on the topic counts once, and a run that resumes counts nothing twice. A later outcome of the same record
(parked first, inserted when its parent came) replaces the earlier one in the counters.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, insert, select, update

from engine.ledger.many_rows import insert_missing
from engine.ledger.models import RunModel, RunRecordModel, RunTableModel, table_of
from engine.ledger.one_of import one_of
from schemas.outcomes import Outcome
from schemas.system import Direction

_RUNS = table_of(RunModel)
_TABLES = table_of(RunTableModel)
_RECORDS = table_of(RunRecordModel)

# Statements of the hot path are made once: making one costs more than running it.
_OF_TABLE = and_(
    _RECORDS.c.run_id == bindparam("at_run"),
    _RECORDS.c.mapping == bindparam("at_mapping"),
    _RECORDS.c.direction == bindparam("at_direction"),
)
# Locked, in one order: a record that two workers have at once has one first outcome.
_OUTCOMES = (
    select(_RECORDS.c.record_id, _RECORDS.c.outcome)
    .where(_OF_TABLE, one_of(_RECORDS.c.record_id, "ids"))
    .order_by(_RECORDS.c.record_id)
    .with_for_update()
)
_CHANGE_OUTCOME = (
    update(_RECORDS)
    .where(_OF_TABLE, _RECORDS.c.record_id == bindparam("at_record"))
    .values(outcome=bindparam("outcome"))
)

_PENDING = ""
_ARRIVED = frozenset({Outcome.INSERTED, Outcome.MODIFIED, Outcome.DELETED, Outcome.COUPLED, Outcome.UNCOUPLED})
_NOTHING_NEW = frozenset({Outcome.MODIFIED, Outcome.UNCHANGED, Outcome.IGNORED})


class RunKind(StrEnum):
    """What kind of run it is."""

    FULL_SYNC = "full_sync"
    SYNC_MODIFIED = "sync_modified"
    REPLAY = "replay"


class RunState(StrEnum):
    """Where a run, or one table of it, stands: the incumbent's words of the full synch. review."""

    READY = "Ready"
    IN_PROCESS = "In Process"
    PAUSED = "Paused"
    FINISHED = "Finished"
    ERROR = "Error"
    BLOCKED = "Blocked"
    CANCELLED = "Cancelled"

    @property
    def over(self) -> bool:
        """Whether nothing follows."""
        return self in _OVER


_OVER = frozenset({RunState.FINISHED, RunState.ERROR, RunState.BLOCKED, RunState.CANCELLED})


@dataclass(slots=True)
class RunTable:
    """One mapping in one direction of a run.

    Attributes:
        cursor: where reading goes on; every row before it is registered.
        produced: rows registered. Rows, not events: an event twice on the topic counts once.
        processed: rows that had an outcome.
        watermark: the newest time of change among the rows read.
        started_at: when the first page was registered.
    """

    mapping: str
    direction: Direction
    state: RunState = RunState.READY
    cursor: str | None = None
    produced: int = 0
    processed: int = 0
    message: str = ""
    watermark: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def read_out(self) -> bool:
        """Whether every row is registered."""
        return self.started_at is not None and self.cursor is None


@dataclass(slots=True)
class Run:
    """One run with its tables, in the order in which they run."""

    id: str
    kind: RunKind
    state: RunState
    options: Any
    started_at: datetime
    heartbeat_at: datetime
    finished_at: datetime | None = None
    tables: list[RunTable] = field(default_factory=list)


def start(connection: Connection, run: Run) -> None:
    """Add a run and its tables."""
    connection.execute(
        insert(_RUNS),
        {
            "id": run.id,
            "kind": run.kind.value,
            "state": run.state.value,
            "options": run.options,
            "started_at": run.started_at,
            "heartbeat_at": run.heartbeat_at,
            "finished_at": run.finished_at,
        },
    )
    for table in run.tables:
        connection.execute(insert(_TABLES), {"run_id": run.id, **_table_values(table)})


def load(connection: Connection, run_id: str) -> Run | None:
    """A run with its tables, in the order in which they were added."""
    row = connection.execute(select(_RUNS).where(_RUNS.c.id == run_id)).one_or_none()
    if row is None:
        return None
    tables = connection.execute(select(_TABLES).where(_TABLES.c.run_id == run_id)).mappings().all()
    order = {tuple(pair): index for index, pair in enumerate((row.options or {}).get("order", []))}
    loaded = [_table(values) for values in tables]
    loaded.sort(key=lambda table: order.get((table.mapping, table.direction.value), len(order)))
    return Run(
        row.id,
        RunKind(row.kind),
        RunState(row.state),
        row.options,
        row.started_at,
        row.heartbeat_at,
        row.finished_at,
        loaded,
    )


def overwriting(connection: Connection, run_ids: Collection[str]) -> frozenset[str]:
    """Which of these runs write over changes of the other side (``overwrite`` in their options)."""
    if not run_ids:
        return frozenset()
    rows = connection.execute(select(_RUNS.c.id, _RUNS.c.options).where(_RUNS.c.id.in_(list(run_ids))))
    return frozenset(row.id for row in rows if (row.options or {}).get("overwrite"))


def unfinished(connection: Connection) -> list[str]:
    """Ids of runs that are not over, oldest first."""
    statement = select(_RUNS.c.id).where(_RUNS.c.finished_at.is_(None)).order_by(_RUNS.c.started_at)
    return list(connection.execute(statement).scalars())


def listed(connection: Connection, limit: int = 20) -> list[str]:
    """Ids of the newest runs."""
    return list(connection.execute(select(_RUNS.c.id).order_by(_RUNS.c.started_at.desc()).limit(limit)).scalars())


def end(connection: Connection, run_id: str, state: RunState, at: datetime) -> bool:
    """The run is over, as ``state``. False where it was over before."""
    statement = update(_RUNS).where(_RUNS.c.id == run_id, _RUNS.c.finished_at.is_(None))
    return connection.execute(statement.values(state=state.value, finished_at=at)).rowcount == 1


def cancel_tables(connection: Connection, run_id: str, at: datetime) -> None:
    """What the run has not come to, or not finished, it will not."""
    statement = update(_TABLES).where(_TABLES.c.run_id == run_id, _TABLES.c.finished_at.is_(None))
    connection.execute(statement.values(state=RunState.CANCELLED.value, finished_at=at))


def save_table(connection: Connection, run_id: str, table: RunTable) -> None:
    """Write state, cursor and times of a table back; its counters are counted where records are."""
    values = _table_values(table)
    for counter in ("produced", "processed"):
        del values[counter]
    connection.execute(_where_table(run_id, table.mapping, table.direction).values(**values))


def register(
    connection: Connection, run_id: str, mapping: str, direction: Direction, record_ids: Iterable[str]
) -> None:
    """Note rows whose events are about to be published. Rows noted before are not counted again."""
    rows = [
        {
            "run_id": run_id,
            "mapping": mapping,
            "direction": direction.value,
            "record_id": record_id,
            "outcome": _PENDING,
        }
        for record_id in dict.fromkeys(record_ids)
    ]
    fresh = insert_missing(connection, _RECORDS, rows)
    if fresh:
        statement = _where_table(run_id, mapping, direction).values(produced=_TABLES.c.produced + fresh)
        connection.execute(statement)


def pending(
    connection: Connection, run_id: str, mapping: str, direction: Direction, *, after: str, limit: int
) -> list[str]:
    """Registered rows without an outcome, in order of their ids from behind ``after``. By index."""
    statement = (
        select(_RECORDS.c.record_id)
        .where(
            _RECORDS.c.run_id == run_id,
            _RECORDS.c.mapping == mapping,
            _RECORDS.c.direction == direction.value,
            _RECORDS.c.record_id > after,
            _RECORDS.c.outcome == _PENDING,
        )
        .order_by(_RECORDS.c.record_id)
        .limit(limit)
    )
    return list(connection.execute(statement).scalars())


def record_outcomes(
    connection: Connection, run_id: str, mapping: str, direction: Direction, outcomes: Mapping[str, Outcome]
) -> dict[str, Outcome | None]:
    """Note what became of registered records; answer what they were before (``None``: this is their first outcome).

    Left out are records that the run did not register (a parent pulled in from outside the run), and those that have
    arrived and of which nothing new is said (delivered twice, or a deferred reference followed).
    """
    table = {"at_run": run_id, "at_mapping": mapping, "at_direction": direction.value}
    before = {
        row.record_id: row.outcome
        for row in connection.execute(_OUTCOMES, {**table, "ids": list(outcomes)})
        if row.outcome not in _ARRIVED or outcomes[row.record_id] not in _NOTHING_NEW
    }
    changed = [
        {**table, "at_record": record_id, "outcome": outcomes[record_id].value}
        for record_id, outcome in before.items()
        if outcome != outcomes[record_id].value
    ]
    if changed:
        connection.execute(_CHANGE_OUTCOME, changed)
    first = sum(outcome == _PENDING for outcome in before.values())
    if first:
        connection.execute(_where_table(run_id, mapping, direction).values(processed=_TABLES.c.processed + first))
    return {record_id: Outcome(outcome) if outcome else None for record_id, outcome in before.items()}


def outcomes(connection: Connection, run_id: str) -> Sequence[tuple[str, Direction, Outcome, int]]:
    """How many records of each mapping and direction have which outcome."""
    columns = (_RECORDS.c.mapping, _RECORDS.c.direction, _RECORDS.c.outcome)
    statement = (
        select(*columns, func.count())
        .where(_RECORDS.c.run_id == run_id, _RECORDS.c.outcome != _PENDING)
        .group_by(*columns)
    )
    rows = connection.execute(statement)
    return [(mapping, Direction(direction), Outcome(outcome), number) for mapping, direction, outcome, number in rows]


def _where_table(run_id: str, mapping: str, direction: Direction) -> Any:
    return update(_TABLES).where(
        _TABLES.c.run_id == run_id, _TABLES.c.mapping == mapping, _TABLES.c.direction == direction.value
    )


def _table_values(table: RunTable) -> dict[str, Any]:
    return {
        "mapping": table.mapping,
        "direction": table.direction.value,
        "state": table.state.value,
        "cursor": table.cursor,
        "produced": table.produced,
        "processed": table.processed,
        "message": table.message,
        "watermark": table.watermark,
        "started_at": table.started_at,
        "finished_at": table.finished_at,
    }


def _table(values: Mapping[Any, Any]) -> RunTable:
    fields = {name: values[name] for name in values if name != "run_id"}
    return RunTable(
        **{**fields, "direction": Direction(fields["direction"]), "state": RunState(fields["state"])},
    )
