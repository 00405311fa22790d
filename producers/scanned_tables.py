"""Which tables to scan for which mappings, reading no more of a row than their filters look at."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from engine.filters import admits
from schemas.mapping import Mapping, Mappings
from schemas.row import Row, Table
from schemas.system import System


@dataclass(frozen=True, slots=True)
class ScannedTable:
    """A table to scan, and the mappings that its rows are for."""

    system: System
    table: Table
    mappings: tuple[Mapping, ...]

    def admits(self, row: Row) -> bool:
        """Whether any of the mappings admits the row."""
        return any(admits(mapping.filter_in(self.system), row.values) for mapping in self.mappings)


def scanned_table(mappings: Mappings, mapping: Mapping, system: System) -> ScannedTable:
    """The table of one mapping."""
    return ScannedTable(system, _filtered_columns(mappings.table(mapping, system), [mapping], system), (mapping,))


def scanned_tables(mappings: Mappings, system: System, name: str) -> list[ScannedTable]:
    """What lies behind a table's name in events: one table, unless custom pages share the name."""
    groups: dict[tuple[str, str], list[Mapping]] = defaultdict(list)
    tables: dict[tuple[str, str], Table] = {}
    for mapping in takers(mappings, system, name):
        table = mappings.table(mapping, system)
        place = (table.path, table.key)
        groups[place].append(mapping)
        tables[place] = replace(table, columns={**table.columns, **(tables[place].columns if place in tables else {})})
    return [
        ScannedTable(system, _filtered_columns(tables[place], group, system), tuple(group))
        for place, group in groups.items()
    ]


def takers(mappings: Mappings, system: System, name: str) -> tuple[Mapping, ...]:
    """The mappings that an event of this table is for: options of a choice are in no event."""
    of_table = mappings.of_table(system, name)
    return tuple(mapping for mapping in of_table if not (system is System.DATAVERSE and mapping.dataverse.choice))


def _filtered_columns(table: Table, mappings: Iterable[Mapping], system: System) -> Table:
    wanted = {name for mapping in mappings for name in mapping.filter_in(system)}
    # A lookup's type is read along with the lookup.
    columns = {name: column for name, column in table.columns.items() if name in wanted or f"{name}type" in wanted}
    return replace(table, columns=columns)
