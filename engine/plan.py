"""A mapping made ready to run: what flows which way, and how each column is read and written on each side."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from engine.canonical import canonical_reader, canonical_writer
from engine.ledger.couplings import Coupling, waiting_key
from schemas.mapping import Column, Mappings, Reference, UpdateConflict
from schemas.mapping import Mapping as TableMapping
from schemas.row import Row, Table, Value
from schemas.system import Direction, System


@dataclass(frozen=True, slots=True)
class PlannedColumn:
    """One column pair, or constant, with everything about it decided.

    Attributes:
        flows: the directions in which its value travels.
        policy: which side wins when both changed it.
        compared: False for what is written with a new row only.
    """

    column: Column
    name: str
    flows: frozenset[Direction]
    policy: UpdateConflict
    compared: bool
    read: Mapping[System, Callable[[Value], Value]]
    write: Mapping[System, Callable[[Value], Value]]

    @property
    def two_way(self) -> bool:
        """Whether it can conflict: a one-way column's source always wins."""
        return len(self.flows) == 2


class ReadableColumn(NamedTuple):
    """A column pair as one system has it: its name, and what it is called there."""

    name: str
    there: str
    read: Callable[[Value], Value]
    reference: Reference | None


class Plan:
    """One mapping, ready to run. Immutable after construction."""

    def __init__(self, mapping: TableMapping, mappings: Mappings, rank: int) -> None:
        self.mapping = mapping
        self.name = mapping.name
        self.rank = rank
        """Place in dependency order: lower goes first."""
        self.tables: dict[System, Table] = {system: mappings.table(mapping, system) for system in System}
        self.columns = tuple(self._planned(column, name) for column, name in _named(mapping.columns))
        self.by_name = {column.name: column for column in self.columns}
        self._choice_targets = {
            column.name: bool(mappings[column.column.reference.to[0]].dataverse.choice)
            for column in self.columns
            if column.column.reference
        }

    def flowing(self, direction: Direction) -> tuple[PlannedColumn, ...]:
        """The columns whose values travel in ``direction``, constants included."""
        return self._flowing[direction]

    @cached_property
    def _flowing(self) -> dict[Direction, tuple[PlannedColumn, ...]]:
        return {d: tuple(column for column in self.columns if d in column.flows) for d in Direction}

    def readable(self, system: System) -> Sequence[ReadableColumn]:
        """The column pairs that ``system`` has a column for."""
        return self._readable[system]

    @cached_property
    def _readable(self) -> dict[System, tuple[ReadableColumn, ...]]:
        return {
            system: tuple(
                ReadableColumn(column.name, there, column.read[system], column.column.reference)
                for column in self.columns
                if (there := column.column.name_in(system)) is not None
            )
            for system in System
        }

    def constants(self, system: System) -> Mapping[str, Value]:
        """The canonical values of what ``system`` has no column for and stands for all the same, by column name."""
        return self._constants[system]

    @cached_property
    def _constants(self) -> dict[System, dict[str, Value]]:
        return {
            system: {
                column.name: column.read[system.other](column.column.constant)
                for column in self.columns
                if column.column.name_in(system) is None
                and column.compared
                and Direction.out_of(system) in column.flows
            }
            for system in System
        }

    @cached_property
    def references(self) -> tuple[PlannedColumn, ...]:
        """The columns that hold another record."""
        return tuple(column for column in self.columns if column.column.reference)

    def allows(self, direction: Direction) -> bool:
        """Whether the mapping carries changes in ``direction``."""
        return self.mapping.direction.allows(direction)

    def key_of(self, row: Row) -> str | None:
        """The value by which other Business Central tables name a row of it, upper case; ``None``: they name its id."""
        column = self.mapping.business_central.referenced_by
        key = row.values.get(column) if column is not None else None
        return str(key).strip().upper() or None if key is not None else None

    def is_option_reference(self, column: PlannedColumn) -> bool:
        """Whether Dataverse holds the reference as an option's number instead of a lookup."""
        return self._choice_targets[column.name]

    def _planned(self, column: Column, name: str) -> PlannedColumn:
        flows = frozenset(
            direction
            for direction in Direction
            if self.mapping.direction.allows(direction)
            and column.direction.allows(direction)
            and column.name_in(direction.destination) is not None
        )
        if column.name_in(System.BUSINESS_CENTRAL) is None or column.name_in(System.DATAVERSE) is None:
            # A constant (or a value derived for a new row) has no source column to travel back to.
            flows = flows & {
                Direction.TO_DATAVERSE if column.business_central is None else Direction.FROM_DATAVERSE,
            }
        return PlannedColumn(
            column=column,
            name=name,
            flows=flows,
            policy=column.conflict or self.mapping.update_conflict,
            compared=column.when == "always",
            read={system: canonical_reader(column, system) for system in System},
            write={system: canonical_writer(column, system) for system in System},
        )


class Plans:
    """All mappings of a worker, ready to run."""

    def __init__(self, mappings: Mappings) -> None:
        self.mappings = mappings
        ranks = mappings.ranks()
        self.by_name = {mapping.name: Plan(mapping, mappings, ranks[mapping.name]) for mapping in mappings.mappings}
        self._by_table: dict[tuple[System, str], tuple[Plan, ...]] = {}
        for system in System:
            for plan in self.by_name.values():
                key = (system, plan.tables[system].name)
                if not plan.tables[system].choice:
                    self._by_table[key] = (*self._by_table.get(key, ()), plan)

        self._waited_for: dict[str, frozenset[tuple[tuple[str, ...], str]]] = {
            name: frozenset(
                (column.column.reference.to, by)
                for plan in self.by_name.values()
                for column in plan.references
                if column.column.reference and name in column.column.reference.to
                for by in ("bc_key" if column.column.reference.by == "key" else "bc_id", "dv_id")
            )
            for name in self.by_name
        }

    def __getitem__(self, name: str) -> Plan:
        return self.by_name[name]

    def waiting_keys(self, coupling: Coupling) -> list[str]:
        """Under which keys open operations may wait for this record."""
        names = {"bc_id": coupling.bc_id, "bc_key": coupling.bc_key, "dv_id": coupling.dv_id}
        return [
            waiting_key(mappings, by, value)
            for mappings, by in self._waited_for[coupling.mapping]
            if (value := names[by]) is not None
        ]

    def of_table(self, system: System, table: str) -> tuple[Plan, ...]:
        """The mappings that take rows of ``table``; none for a table that nothing maps."""
        return self._by_table.get((system, table), ())

    def in_order(self) -> list[Plan]:
        """Parents before children."""
        return sorted(self.by_name.values(), key=lambda plan: plan.rank)


def _named(columns: Iterable[Column]) -> Iterator[tuple[Column, str]]:
    """Each column with a name of its own: one column may feed several on the other side."""
    taken: set[str] = set()
    for column in columns:
        name = column.name if column.name not in taken else f"{column.name}/{column.dataverse_name}"
        taken.add(name)
        yield column, name
