"""The rows of one table in memory: by id, by the values of columns, in order of id and of last change."""

import heapq
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice

from schemas.row import Row, Value

_Key = tuple[Value, ...]
_NEVER = datetime.min.replace(tzinfo=UTC)


class RowStore:
    """Not thread-safe. Every row has every column that was ever mentioned, so that reading need not fill in blanks.

    Attributes:
        by_id: the rows; to be changed through :meth:`put` and :meth:`remove` only.
        blank: all columns, each without a value.
    """

    def __init__(self) -> None:
        self.by_id: dict[str, Row] = {}
        self.blank: dict[str, Value] = {}
        self._ids: list[str] | None = None
        self._indexes: dict[tuple[str, ...], dict[_Key, dict[str, None]]] = {}

    def mention(self, columns: Iterable[str]) -> None:
        """Give every row these columns."""
        new = dict.fromkeys(name for name in columns if name not in self.blank)
        if new:
            self.blank.update(new)
            for row_id, row in self.by_id.items():
                self.by_id[row_id] = replace(row, values={**row.values, **new})

    def put(self, row: Row) -> None:
        """Add the row, or replace the one with its id."""
        old = self.by_id.get(row.id)
        if old is None:
            self._ids = None
        self.by_id[row.id] = row
        if self._indexes:
            self._reindex(row.id, old, row)

    def remove(self, row_id: str) -> None:
        """Take the row out; it must be there."""
        old = self.by_id.pop(row_id)
        self._ids = None
        self._reindex(row_id, old, None)

    def equal(self, criterion: Mapping[str, Value], limit: int) -> list[Row]:
        """At most ``limit`` rows that have all these values, text compared ignoring case."""
        columns = tuple(criterion)
        index = self._indexes.get(columns)
        if index is None:  # kept up to date from now on
            index = self._indexes[columns] = {}
            for row in self.by_id.values():
                index.setdefault(_key(columns, row.values), {})[row.id] = None
        ids = index.get(_key(columns, criterion), {})
        return [self.by_id[row_id] for row_id in islice(ids, limit)]

    def after(self, row_id: str, limit: int) -> list[Row]:
        """At most ``limit`` rows behind this id, in order of their ids."""
        if self._ids is None:
            self._ids = sorted(self.by_id)
        start = bisect_right(self._ids, row_id)
        return [self.by_id[found] for found in self._ids[start : start + limit]]

    def changed_after(self, since: datetime, behind: tuple[datetime, str] | None, limit: int) -> list[Row]:
        """At most ``limit`` rows changed at ``since`` or later and behind a place, in order of change and id."""
        rows = (
            row
            for row in self.by_id.values()
            if changed_at(row) >= since and (behind is None or (changed_at(row), row.id) > behind)
        )
        return heapq.nsmallest(limit, rows, key=lambda row: (changed_at(row), row.id))

    def _reindex(self, row_id: str, old: Row | None, new: Row | None) -> None:
        for columns, index in self._indexes.items():
            before = _key(columns, old.values) if old else None
            after = _key(columns, new.values) if new else None
            if before == after:
                continue
            if before is not None:
                del index[before][row_id]
            if after is not None:
                index.setdefault(after, {})[row_id] = None


def changed_at(row: Row) -> datetime:
    """The time of the row's last change; before all others where it has none."""
    return row.modified_at or _NEVER


def _key(columns: tuple[str, ...], values: Mapping[str, Value]) -> _Key:
    return tuple(_folded(values.get(column)) for column in columns)


def _folded(value: Value) -> Value:
    return value.casefold() if isinstance(value, str) else value
