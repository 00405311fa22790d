"""References: which records a row points to, under the one name that both sides share.

Business Central names another record by its id or by its code, Dataverse by its id or an option's number. The canonical
form of all of them is the Dataverse id of the coupled record, so that references compare like any other value. A value
whose record is not coupled stays recognisable, and equals nothing else.
"""

from collections import defaultdict
from collections.abc import Iterable

from engine.ledger.couplings import Coupled, Wanted
from engine.plan import Plan, PlannedColumn
from schemas.errors import Skip
from schemas.row import Row, Value
from schemas.system import Direction, System

ZERO_ID = "00000000-0000-0000-0000-000000000000"
"""Business Central's id of no row: a blank, and what stands for the local currency in its coupling."""

_UNCOUPLED = "uncoupled:"

BY_ID = {System.BUSINESS_CENTRAL: "bc_id", System.DATAVERSE: "dv_id"}
"""The coupling's column that holds the row's id in a system."""


def wanted(column: PlannedColumn, system: System, value: Value) -> Wanted | None:
    """What the ledger is to be asked about a reference's value in ``system``; ``None`` for a blank."""
    reference = column.column.reference
    if reference is None or value is None or value in ("", ZERO_ID):
        return None
    if system is System.DATAVERSE:
        return Wanted(reference.to, "dv_id", frozenset((str(value).lower(),)))
    if reference.by == "id":
        return Wanted(reference.to, "bc_id", frozenset((str(value).lower(),)))
    key = str(value).strip().upper()
    return Wanted(reference.to, "bc_key", frozenset((key,))) if key else None


def wanted_by(plan: Plan, system: System, rows: Iterable[Row]) -> list[Wanted]:
    """Everything that these rows of ``system`` refer to, gathered into few questions."""
    gathered: dict[tuple[tuple[str, ...], str], set[str]] = defaultdict(set)
    named = [(column, column.column.name_in(system)) for column in plan.references]
    for row in rows:
        for column, name in named:
            want = wanted(column, system, row.values.get(name)) if name is not None else None
            if want is not None:
                gathered[want.mappings, want.by].update(want.values)
    return [Wanted(mappings, by, frozenset(values)) for (mappings, by), values in gathered.items()]


class References:
    """The couplings that a batch's references lead to."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str], Coupled] = {}

    def add(self, coupled: Iterable[Coupled]) -> None:
        """Learn of couplings."""
        for one in coupled:
            self._found[one.mapping, "bc_id", one.bc_id] = one
            self._found[one.mapping, "dv_id", one.dv_id] = one
            if one.bc_key is not None:
                self._found[one.mapping, "bc_key", one.bc_key] = one

    def find(self, want: Wanted) -> Coupled | None:
        """The coupling of one wanted value; the first mapping that has it counts."""
        by, value = want.by, want.value
        return next((found for name in want.mappings if (found := self._found.get((name, by, value)))), None)

    def canonical(self, plan: Plan, system: System, row: Row) -> dict[str, Value]:
        """The canonical values of a row: of every column that ``system`` has, and the constants that it stands for.

        Raises:
            Skip: a value does not fit its column's type; the text names the column.
        """
        values: dict[str, Value] = {}
        for column in plan.columns:
            name = column.column.name_in(system)
            if name is None:
                if column.compared and Direction.out_of(system) in column.flows:
                    values[column.name] = column.read[system.other](column.column.constant)
                continue
            value = row.values.get(name)
            if column.column.reference is not None:
                values[column.name] = self._canonical_reference(column, system, value)
            else:
                try:
                    values[column.name] = column.read[system](value)
                except Skip as error:
                    raise Skip(f"column {name}: {error.text}", code="type_mismatch") from error
        return values

    def written(self, plan: Plan, column: PlannedColumn, system: System, value: Value) -> Value:
        """What ``system`` takes for a canonical value.

        Raises:
            Skip: the value has no form in ``system``.
        """
        reference = column.column.reference
        if reference is None:
            return column.write[system](value)
        if system is System.DATAVERSE:
            return int(str(value)) if plan.is_option_reference(column) and value is not None else value
        if value is None:
            return ZERO_ID if reference.by == "id" else ""
        found = self.find(Wanted(reference.to, "dv_id", frozenset((str(value),))))
        if found is None:
            raise Skip(f"column {column.name}: the record {value} must be coupled first", code="must_be_coupled")
        if reference.by == "id":
            return found.bc_id
        if found.bc_key is None:
            raise Skip(
                f"column {column.name}: the coupled {found.mapping} row {found.bc_id} has no key to name it by; "
                "read it again with a full synchronization of that mapping",
                code="no_key",
            )
        return found.bc_key

    def _canonical_reference(self, column: PlannedColumn, system: System, value: Value) -> Value:
        want = wanted(column, system, value)
        if want is None:
            return None
        found = self.find(want)
        return found.dv_id if found is not None else f"{_UNCOUPLED}{want.value}"


def is_uncoupled(value: Value) -> bool:
    """Whether a canonical reference names a record that is not coupled."""
    return isinstance(value, str) and value.startswith(_UNCOUPLED)
