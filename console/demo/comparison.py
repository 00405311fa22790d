"""The demo's verdict: both systems read back over HTTP and compared, column by column, without a look into the ledger.

Rows belong together where the columns that their mapping matches by are equal: that is each row's *key*. A reference is
compared as the key of the row that it leads to.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from engine.canonical import canonical_reader
from engine.filters import admits
from schemas.mapping import Column, Mappings
from schemas.mapping import Mapping as TableMapping
from schemas.row import Row, Table, Value
from schemas.system import Direction, System
from systems.interface import RecordSystem

_BC, _DV = System.BUSINESS_CENTRAL, System.DATAVERSE
_PAGE = 1000
_ZERO_ID = "00000000-0000-0000-0000-000000000000"

Key: TypeAlias = str


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the two sides disagree; ``column`` is ``None`` for a row that one side lacks, or has twice."""

    mapping: str
    record: Key
    column: str | None
    business_central: Value
    dataverse: Value

    def __str__(self) -> str:
        what = f"{self.mapping} {self.record}" + (f", {self.column}" if self.column else "")
        return f"{what}: {self.business_central!r} in Business Central, {self.dataverse!r} in Dataverse"


@dataclass(slots=True)
class TableComparison:
    """One mapping. ``rows``: how many it admits, by system."""

    mapping: TableMapping
    rows: dict[System, int]
    differences: list[Difference] = field(default_factory=list)

    @property
    def different(self) -> int:
        """Rows that differ or are missing."""
        return len({difference.record for difference in self.differences})


def compare(mappings: Mappings, systems: Mapping[System, RecordSystem]) -> list[TableComparison]:
    """All mappings, parents before children.

    Raises:
        Retry, Stop: a system cannot be read.
        ValueError: a mapping has no match.
    """
    return _Comparison(mappings, systems).tables()


class _Comparison:
    def __init__(self, mappings: Mappings, systems: Mapping[System, RecordSystem]) -> None:
        self._mappings = mappings
        self._rows = {
            (mapping.name, system): _all_rows(systems[system], mappings.table(mapping, system))
            for mapping in mappings.mappings
            for system in System
        }
        self._targets = {
            (mapping.name, system): self._named_rows(mapping, system)
            for mapping in mappings.mappings
            for system in System
        }

    def tables(self) -> list[TableComparison]:
        return [self._table(mapping) for mapping in self._mappings.in_order()]

    def _table(self, mapping: TableMapping) -> TableComparison:
        sides = {system: self._by_key(mapping, system) for system in System}
        comparison = TableComparison(mapping, {system: sum(map(len, side.values())) for system, side in sides.items()})
        for key in sorted(sides[_BC].keys() | sides[_DV].keys()):
            ours, theirs = sides[_BC].get(key, []), sides[_DV].get(key, [])
            if len(ours) == len(theirs) == 1:
                comparison.differences += self._row(mapping, key, ours[0], theirs[0])
            elif len(ours) > 1 or len(theirs) > 1 or _is_wanted(mapping, _BC if ours else _DV):
                text = {0: "no row", 1: "a row"}
                numbers = [text.get(len(rows), f"{len(rows)} rows") for rows in (ours, theirs)]
                comparison.differences.append(Difference(mapping.name, key, None, *numbers))
        return comparison

    def _row(self, mapping: TableMapping, key: Key, ours: Row, theirs: Row) -> Iterator[Difference]:
        for column in mapping.columns:
            if column.business_central is None or column.dataverse is None or column.when == "create":
                continue
            left, right = self._value(column, _BC, ours), self._value(column, _DV, theirs)
            kept = column.not_null and None in (left, right)
            if left != right and not kept:
                yield Difference(mapping.name, key, column.name, left, right)

    def _value(self, column: Column, system: System, row: Row) -> Value:
        value = row.values[column.name_in(system) or ""]
        if column.reference is None:
            return canonical_reader(column, system)(value)
        if value in (None, "", _ZERO_ID):
            return None
        by = "key" if column.reference.by == "key" and system is _BC else "id"
        place = f"{by}:{value}".casefold()
        found = (self._targets[name, system].get(place) for name in column.reference.to)
        # Business Central has no row for the local currency: its code is all there is.
        return next((key for key in found if key is not None), str(value).casefold())

    def _named_rows(self, mapping: TableMapping, system: System) -> dict[str, Key]:
        """The keys of rows, by what other rows call them: their id or, in Business Central, their own key column."""
        referenced_by = mapping.business_central.referenced_by if system is _BC else None
        named = {}
        for row in self._rows[mapping.name, system]:
            key = _key(mapping, system, row)
            named[f"id:{row.id}".casefold()] = key
            if referenced_by:
                named[f"key:{row.values[referenced_by]}".casefold()] = key
        return named

    def _by_key(self, mapping: TableMapping, system: System) -> dict[Key, list[Row]]:
        rows: dict[Key, list[Row]] = defaultdict(list)
        for row in self._rows[mapping.name, system]:
            if admits(mapping.filter_in(system), row.values):
                rows[_key(mapping, system, row)].append(row)
        return rows


def _all_rows(system: RecordSystem, table: Table) -> list[Row]:
    rows: list[Row] = []
    cursor: str | None = None
    while True:
        page = system.scan(table, since=None, cursor=cursor, page_size=_PAGE)
        rows += page.rows
        cursor = page.cursor
        if cursor is None:
            return rows


def _key(mapping: TableMapping, system: System, row: Row) -> Key:
    if not mapping.match:
        raise ValueError(f"{mapping.name} has no match: nobody can tell which of its rows belong together")
    columns = [column for column in mapping.columns if column.name in mapping.match[0].columns]
    values = (canonical_reader(column, system)(row.values[column.name_in(system) or ""]) for column in columns)
    return " ".join(str(value) for value in values).casefold()


def _is_wanted(mapping: TableMapping, source: System) -> bool:
    """Whether a row of ``source`` ought to have a counterpart."""
    return mapping.direction.allows(Direction.out_of(source))
