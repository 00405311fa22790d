"""Tables of immutable rows with versions, transactions and one lock: what a system of record keeps.

Everything here happens under the store's lock. What others are told about a change (notifications, events) is handed to
:meth:`Store.after_commit` and runs once the outermost transaction has committed, or never.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from systems.sandbox.index import EqualityIndex, SortedIndex

Clock: TypeAlias = Callable[[], datetime]
Values: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """A row at one version. ``values`` includes the id and is never changed in place."""

    id: str
    version: int
    values: Values


@dataclass(slots=True)
class Transaction:
    """A running transaction. Set ``undone`` to end it without effect and without an exception."""

    undone: bool = False


class Store:
    """The tables of one system. Versions grow by one with every write of any table, as in a database."""

    def __init__(self, clock: Clock, new_id: Callable[[], str], first_version: int = 1) -> None:
        self.clock: Clock = lambda: clock().astimezone(UTC)
        self.new_id = new_id
        self.lock = threading.RLock()
        self._tables: dict[str, Table] = {}
        self._version = first_version
        self._undo: list[Callable[[], None]] = []
        self._after_commit: list[Callable[[], None]] = []
        self._depth = 0

    def table(self, name: str) -> "Table":
        """The table of that name, made when first asked for."""
        if name not in self._tables:
            self._tables[name] = Table(self)
        return self._tables[name]

    @property
    def version(self) -> int:
        """The newest version given out."""
        return self._version

    def next_version(self) -> int:
        self._version += 1
        return self._version

    @contextmanager
    def transaction(self) -> Iterator["Transaction"]:
        """All or nothing. Inner transactions undo only themselves; versions are never given out twice."""
        with self.lock:
            transaction = Transaction()
            undo, announced = len(self._undo), len(self._after_commit)
            self._depth += 1
            try:
                yield transaction
            except BaseException:
                self._roll_back(undo, announced)
                raise
            finally:
                self._depth -= 1
            if transaction.undone:
                self._roll_back(undo, announced)
            if self._depth == 0:
                self._undo.clear()
                due, self._after_commit = self._after_commit, []
                for announce in due:
                    announce()

    def _roll_back(self, undo: int, announced: int) -> None:
        while len(self._undo) > undo:
            self._undo.pop()()
        del self._after_commit[announced:]

    def after_commit(self, announce: Callable[[], None]) -> None:
        """Call ``announce`` when the running transaction has committed; it must not block."""
        self._after_commit.append(announce)

    def on_rollback(self, undo: Callable[[], None]) -> None:
        """Call ``undo`` if the running transaction fails."""
        if self._depth:
            self._undo.append(undo)


class Table:
    """Rows by id. Indexes come into being when an order or an equality is first asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._records: dict[str, Record] = {}
        self._sorted: dict[tuple[str, ...], SortedIndex] = {}
        self._equality: dict[str, EqualityIndex] = {}

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return iter(list(self._records.values()))

    def get(self, record_id: str) -> Record | None:
        return self._records.get(record_id)

    def put(self, record_id: str, values: Values, version: int | None = None) -> Record:
        """Insert or replace a row, at ``version`` or the next one."""
        record = Record(record_id, self._store.next_version() if version is None else version, values)
        before = self._swap(record_id, record)
        self._store.on_rollback(lambda: self._restore(record_id, before))
        return record

    def remove(self, record_id: str) -> None:
        before = self._swap(record_id, None)
        self._store.on_rollback(lambda: self._restore(record_id, before))

    def ordered(self, *columns: str) -> SortedIndex:
        """All ids in the order of ``columns``."""
        if columns not in self._sorted:
            index = SortedIndex(columns)
            index.build({record.id: record.values for record in self._records.values()})
            self._sorted[columns] = index
        return self._sorted[columns]

    def equal(self, column: str, value: object) -> list[Record]:
        """The rows whose ``column`` holds ``value``; text ignores case."""
        if column not in self._equality:
            index = EqualityIndex(column)
            for record in self._records.values():
                index.add(record.id, record.values)
            self._equality[column] = index
        return [self._records[record_id] for record_id in self._equality[column].find(value)]

    def _restore(self, record_id: str, record: Record | None) -> None:
        self._swap(record_id, record)

    def _swap(self, record_id: str, after: Record | None) -> Record | None:
        before = self._records.get(record_id)
        indexes: list[SortedIndex | EqualityIndex] = [*self._sorted.values(), *self._equality.values()]
        if before is not None:
            for index in indexes:
                index.remove(record_id, before.values)
            del self._records[record_id]
        if after is not None:
            for index in indexes:
                index.add(record_id, after.values)
            self._records[record_id] = after
        return before
