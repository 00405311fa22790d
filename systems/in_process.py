"""A system of record in memory, for simulation, benchmarks and tests: the promises of the others, nothing to wait for.

Rows have versions, writes their preconditions, scans stable cursors. A test plays the user with
:meth:`InProcessSystem.edit` and :meth:`InProcessSystem.remove`, hears of every change through ``on_change``, and
decides through ``fault`` which calls fail before they work and which after.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import count
from typing import TypeAlias
from uuid import uuid4

from schemas.errors import Reread, RereadReason, SyncError
from schemas.row import ColumnKind, Row, Table, Value
from schemas.system import System
from systems.interface import Capabilities, Create, Page, RecordSystem, Refused, Update, Write, WriteResult, Written
from systems.row_store import RowStore, changed_at

_CANDIDATES = 3


class ChangeKind(StrEnum):
    """What happened to a row."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"


class Moment(StrEnum):
    """When a fault strikes: before the call works, so that nothing happens, or after, so that its answer is lost."""

    BEFORE = "before"
    AFTER = "after"


OnChange: TypeAlias = Callable[[ChangeKind, str, str, str, str], None]
"""Called with kind, table name, row id, tag (empty for a user's edit) and user id, in the order of the changes."""

Fault: TypeAlias = Callable[[Moment, str, Write | None], SyncError | None]
"""Asked with moment, table name and the write (``None`` for reading): the error to fail with, or ``None``.

What it raises itself goes through to the caller: a crash between two writes.
"""


class InProcessSystem(RecordSystem):
    """Tables come into being with their first row. Ids are lower case; values are kept as given.

    The options of a choice column are a table of their own here, called ``account.paymenttermscode``.

    Args:
        system: the one to stand in for; decides whether callers choose ids and whether writes carry tags.
        user: whom :meth:`write` writes as.
        clock: the time of a change, UTC.
        new_id: the id of a row that comes without one.
        complete: all values of a new row, given table name and the values that it comes with: numbers of a series.
    """

    def __init__(
        self,
        system: System,
        *,
        user: str = "",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        new_id: Callable[[], str] = lambda: str(uuid4()),
        on_change: OnChange | None = None,
        fault: Fault | None = None,
        complete: Callable[[str, dict[str, Value]], dict[str, Value]] | None = None,
    ) -> None:
        self.system = system
        dataverse = system is System.DATAVERSE
        self.capabilities = Capabilities(batch_limit=100, concurrency=52, client_ids=dataverse, tags=dataverse)
        self.fault = fault
        self.on_change = on_change
        self._user = user
        self._clock = clock
        self._new_id = new_id
        self._complete = complete
        self._stores: dict[str, RowStore] = {}
        self._shapes: dict[str, _Shape] = {}
        self._versions = count(1)
        self._lock = threading.RLock()  # re-entrant, so that who hears of a change may read

    def read(self, table: Table, ids: Sequence[str]) -> dict[str, Row]:
        with self._lock:
            store, shape = self._reading(table)
            rows = {id_: store.by_id[id_] for id_ in map(str.lower, ids) if id_ in store.by_id}
            return {id_: self._view(row, shape) for id_, row in rows.items()}

    def find(self, table: Table, criteria: Sequence[Mapping[str, Value]]) -> list[list[Row]]:
        with self._lock:
            store, shape = self._reading(table)
            found = [store.equal(criterion, _CANDIDATES) for criterion in criteria]
            return [[self._view(row, shape) for row in rows] for rows in found]

    def scan(self, table: Table, *, since: datetime | None, cursor: str | None, page_size: int) -> Page:
        with self._lock:
            store, shape = self._reading(table)
            if since is None:
                rows = store.after(cursor or "", page_size + 1)
            else:
                rows = store.changed_after(since, _place(cursor), page_size + 1)
            page = [self._view(row, shape) for row in rows[:page_size]]
            return Page(page, _cursor(page[-1], since) if len(rows) > page_size else None)

    def write(self, table: Table, writes: Sequence[Write], *, tag: str) -> list[WriteResult]:
        with self._lock:
            store, shape = self._open(table)
            name = _name(table)
            return [self._write(name, store, shape, write, tag) for write in writes]

    def user_id(self) -> str:
        return self._user if self.capabilities.tags else ""

    def columns(self, table: Table) -> frozenset[str]:
        """Whatever is asked for: nothing describes the tables."""
        return frozenset(table.columns)

    def close(self) -> None:
        """Nothing to release."""

    def edit(self, table: str, values: Mapping[str, Value], *, row_id: str | None = None, user: str = "") -> Row:
        """A user's change of a row, which is created where ``row_id`` is ``None`` or not there."""
        with self._lock:
            store = self._stores.setdefault(table, RowStore())
            store.mention(values)
            row_id = (row_id or self._new_id()).lower()
            old = store.by_id.get(row_id)
            return self._put(table, store, row_id, old, values, "", user)

    def remove(self, table: str, row_id: str, *, user: str = "") -> None:
        """A user's deletion of a row.

        Raises:
            KeyError: it is not there.
        """
        with self._lock:
            self._remove(table, self._stores[table], row_id.lower(), "", user)

    def rows(self, table: str) -> dict[str, Row]:
        """All rows of a table with every column that was ever mentioned."""
        with self._lock:
            return dict(self._stores.setdefault(table, RowStore()).by_id)

    def _open(self, table: Table) -> tuple[RowStore, "_Shape"]:
        name = _name(table)
        store = self._stores.get(name)
        if store is None:
            store = self._stores[name] = RowStore()
        shape = self._shapes.get(name)
        if shape is None or shape.table is not table:
            shape = self._shapes[name] = _Shape.of(table)
            store.mention(shape.names)
        return store, shape

    def _reading(self, table: Table) -> tuple[RowStore, "_Shape"]:
        error = self.fault(Moment.BEFORE, _name(table), None) if self.fault else None
        if error is not None:
            raise error
        return self._open(table)

    def _write(self, table: str, store: RowStore, shape: "_Shape", write: Write, tag: str) -> WriteResult:
        if self.fault is None:
            return self._carry_out(table, store, shape, write, tag)
        error = self.fault(Moment.BEFORE, table, write)
        if error is not None:
            return Refused(error)
        result = self._carry_out(table, store, shape, write, tag)
        error = self.fault(Moment.AFTER, table, write)
        return result if error is None else Refused(error)

    def _carry_out(self, table: str, store: RowStore, shape: "_Shape", write: Write, tag: str) -> WriteResult:
        row_id = write.id or self._new_id()
        old = store.by_id.get(row_id)
        if isinstance(write, Create):
            if old is not None:
                return Refused(Reread(RereadReason.EXISTS, f"{table} {row_id} exists already."))
            return Written(self._view(self._put(table, store, row_id, None, write.values, tag, self._user), shape))
        if old is None:
            return Refused(Reread(RereadReason.GONE, f"{table} {row_id} no longer exists."))
        if old.version != write.version:
            return Refused(Reread(RereadReason.CHANGED, f"{table} {row_id} was changed by somebody else."))
        if isinstance(write, Update):
            return Written(self._view(self._put(table, store, row_id, old, write.values, tag, self._user), shape))
        self._remove(table, store, row_id, tag, self._user)
        return Written(None)

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
        values = {**(store.blank if old is None else old.values), **changes}
        if old is None and self._complete is not None:
            values = self._complete(table, values)
            store.mention(values)
        row = Row(row_id, f'W/"{next(self._versions)}"', self._clock(), values)
        store.put(row)
        if self.on_change is not None:
            self.on_change(ChangeKind.UPDATED if old else ChangeKind.CREATED, table, row_id, tag, user)
        return row

    def _remove(self, table: str, store: RowStore, row_id: str, tag: str, user: str) -> None:
        store.remove(row_id)
        if self.on_change is not None:
            self.on_change(ChangeKind.DELETED, table, row_id, tag, user)

    def _view(self, row: Row, shape: "_Shape") -> Row:
        """The row with the columns that the table names, which is the row itself where nothing else was mentioned."""
        if not shape.types and len(row.values) == len(shape.names):
            return row
        values = {name: row.values[name] for name in shape.names}
        for name, lookup in shape.types.items():
            values[name] = self._table_of(row.values[lookup]) or values[name]
        return Row(row.id, row.version, row.modified_at, values)

    def _table_of(self, row_id: Value) -> str | None:
        return next((name for name, store in self._stores.items() if row_id in store.by_id), None)


@dataclass(frozen=True, slots=True)
class _Shape:
    """What is handed out of a table's rows: its readable columns, and which of them are types of lookups."""

    table: Table
    names: tuple[str, ...]
    types: Mapping[str, str]

    @classmethod
    def of(cls, table: Table) -> "_Shape":
        names = tuple(name for name, column in table.columns.items() if column.readable)
        lookups = [name for name, column in table.columns.items() if column.kind is ColumnKind.LOOKUP]
        return cls(table, names, {f"{name}type": name for name in lookups if f"{name}type" in names})


def _name(table: Table) -> str:
    return f"{table.name}.{table.choice}" if table.choice else table.name


def _cursor(last: Row, since: datetime | None) -> str:
    return last.id if since is None else f"{changed_at(last).isoformat()} {last.id}"


def _place(cursor: str | None) -> tuple[datetime, str] | None:
    if cursor is None:
        return None
    time, _, row_id = cursor.partition(" ")
    return datetime.fromisoformat(time), row_id
