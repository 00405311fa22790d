"""Indexes over the rows of one table, so that paging and equality filters stay quick at a hundred thousand rows."""

import bisect
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeAlias

SortKey: TypeAlias = tuple[tuple[int, Any], ...]


def normalised(value: object) -> Any:
    """``value`` as it sorts and as it is looked up: text without regard to case, references by their id."""
    if isinstance(value, str):
        return value.casefold()
    if value is None or isinstance(value, bool | int | Decimal | datetime | date):
        return value
    return str(value)


def sort_key(values: Mapping[str, object], columns: tuple[str, ...]) -> SortKey:
    """The position of a row in the order of ``columns``: empty values first."""
    return tuple(_rank(values.get(column)) for column in columns)


def _rank(value: object) -> tuple[int, Any]:
    return (0, 0) if value is None else (1, normalised(value))


class SortedIndex:
    """Row ids in the order of some columns, then of the id. Ascending; ids are unique."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        self.columns = columns
        self._entries: list[tuple[SortKey, str]] = []

    def build(self, rows: Mapping[str, Mapping[str, object]]) -> None:
        """Replace the content; cheaper than adding one by one."""
        self._entries = sorted((sort_key(values, self.columns), row_id) for row_id, values in rows.items())

    def add(self, row_id: str, values: Mapping[str, object]) -> None:
        bisect.insort(self._entries, (sort_key(values, self.columns), row_id))

    def remove(self, row_id: str, values: Mapping[str, object]) -> None:
        del self._entries[bisect.bisect_left(self._entries, (sort_key(values, self.columns), row_id))]

    def position(self, key: SortKey, row_id: str = "") -> int:
        """How many entries come before the row ``row_id`` at ``key``."""
        return bisect.bisect_left(self._entries, (key, row_id))

    def ids(self, start: int, *, backwards: bool = False) -> Iterator[str]:
        """Ids from position ``start`` on, or, backwards, from just before ``start`` down to the first."""
        positions = range(start - 1, -1, -1) if backwards else range(start, len(self._entries))
        return (self._entries[position][1] for position in positions)

    def __len__(self) -> int:
        return len(self._entries)


class EqualityIndex:
    """Row ids by the value of one column; a superset of exact equality, since text ignores case."""

    def __init__(self, column: str) -> None:
        self._column = column
        self._ids: dict[Any, dict[str, None]] = {}

    def add(self, row_id: str, values: Mapping[str, object]) -> None:
        self._ids.setdefault(normalised(values.get(self._column)), {})[row_id] = None

    def remove(self, row_id: str, values: Mapping[str, object]) -> None:
        key = normalised(values.get(self._column))
        of_value = self._ids[key]
        del of_value[row_id]
        if not of_value:
            del self._ids[key]

    def find(self, value: object) -> list[str]:
        """Ids of the rows whose column holds ``value``, oldest first."""
        return list(self._ids.get(normalised(value), ()))
