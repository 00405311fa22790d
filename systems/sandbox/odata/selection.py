"""Choosing a page of rows from a table: filter, order, position; in time proportional to the page if an index helps."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cmp_to_key
from itertools import islice
from typing import TypeAlias

from systems.sandbox.index import SortKey, sort_key
from systems.sandbox.odata.predicate import Dialect, equalities, lower_bounds, predicate
from systems.sandbox.odata.syntax import Expression
from systems.sandbox.store import Record, Table

Position: TypeAlias = tuple[SortKey, str]
"""Where a row stands in an order: its sort key, then its id."""

_NARROW = 8
"""A range counts as narrow when it holds at most one row in so many: then sorting it beats scanning the table."""


@dataclass(frozen=True, slots=True)
class Order:
    """``$orderby``. Ties are settled by id."""

    columns: tuple[str, ...]
    descending: tuple[bool, ...]

    def position(self, record: Record) -> Position:
        return sort_key(record.values, self.columns), record.id

    @property
    def follows_index(self) -> bool:
        return len(set(self.descending)) <= 1

    @property
    def backwards(self) -> bool:
        return self.follows_index and any(self.descending)

    def compare(self, left: Position, right: Position) -> int:
        """Negative where ``left`` comes first, positive where ``right`` does."""
        for mine, other, descending in zip(left[0], right[0], self.descending, strict=True):
            if mine != other:
                return (1 if descending else -1) * (1 if mine < other else -1)
        backwards = -1 if self.backwards else 1
        return backwards * ((left[1] > right[1]) - (left[1] < right[1]))


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows of a table are asked for, and in which order."""

    table: Table
    dialect: Dialect
    filter: Expression | None
    order: Order

    def count(self) -> int:
        """The number of matching rows, however many a page holds."""
        if self.filter is None:
            return len(self.table)
        test = predicate(self.filter, self.dialect)
        candidates = self._candidates()
        return sum(test(record.values) for record in (self.table if candidates is None else candidates))

    def rows(self, *, after: Position | None, skip: int, limit: int) -> list[Record]:
        """Up to ``limit`` matching rows behind ``after``, leaving out the first ``skip`` of them.

        The row that ``after`` was taken from may have changed or gone since.
        """
        candidates = self._candidates()
        if candidates is None and self.order.follows_index:
            found = self._by_index(after)
        else:
            found = self._by_sorting(self.table if candidates is None else candidates, after)
        if self.filter is not None:
            test = predicate(self.filter, self.dialect)
            found = (record for record in found if test(record.values))
        return list(islice(found, skip, skip + limit))

    def _candidates(self) -> list[Record] | None:
        """A small superset of the matching rows, or ``None`` where no index narrows enough."""
        key_sets = list(equalities(self.filter, self.dialect))
        if key_sets:
            pairs = min(key_sets, key=len)
            return list({row.id: row for column, value in pairs for row in self.table.equal(column, value)}.values())
        for column, value in lower_bounds(self.filter, self.dialect):
            if self.order.columns[:1] == (column,) and not self.order.backwards:
                return None  # the scan in this order starts at the bound by itself
            index = self.table.ordered(column)
            start = index.position(sort_key({column: value}, (column,)))
            if (len(index) - start) * _NARROW <= len(index):
                return list(self._records(index.ids(start)))
        return None

    def _by_index(self, after: Position | None) -> Iterator[Record]:
        index = self.table.ordered(*self.order.columns)
        if self.order.backwards:
            return self._records(index.ids(len(index) if after is None else index.position(*after), backwards=True))
        start = 0 if after is None else index.position(after[0], after[1] + "\0")
        for column, value in lower_bounds(self.filter, self.dialect):
            if self.order.columns[:1] == (column,):
                start = max(start, index.position(sort_key({column: value}, (column,))))
        return self._records(index.ids(start))

    def _by_sorting(self, records: Iterable[Record], after: Position | None) -> Iterator[Record]:
        by_position = cmp_to_key(self.order.compare)
        ordered = sorted(records, key=lambda record: by_position(self.order.position(record)))
        return (
            record for record in ordered if after is None or self.order.compare(self.order.position(record), after) > 0
        )

    def _records(self, ids: Iterable[str]) -> Iterator[Record]:
        found = map(self.table.get, ids)
        return (record for record in found if record is not None)
