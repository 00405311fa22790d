"""References: which records a row points to, under the one name that both sides share.

Business Central names another record by its id or by its code, Dataverse by its id or an option's number. The canonical
form of all of them is the Dataverse id of the coupled record, so that references compare like any other value. A value
whose record is not coupled stays recognisable, and equals nothing else.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from engine.ledger.couplings import Coupled, Wanted
from engine.plan import Plan, PlannedColumn
from schemas.errors import Skip
from schemas.mapping import Reference
from schemas.row import Row, Value
from schemas.system import System

ZERO_ID = "00000000-0000-0000-0000-000000000000"
"""Business Central's id of no row: a blank, and what stands for the local currency in its coupling."""

_UNCOUPLED = "uncoupled:"

BY_ID = {System.BUSINESS_CENTRAL: "bc_id", System.DATAVERSE: "dv_id"}
"""The coupling's column that holds the row's id in a system."""


def wanted(column: PlannedColumn, system: System, value: Value) -> Wanted | None:
    """What the ledger is to be asked about a reference's value in ``system``; ``None`` for a blank."""
    reference = column.column.reference
    name = _name(reference, system, value) if reference is not None else None
    return Wanted(reference.to, name[0], frozenset((name[1],))) if reference is not None and name is not None else None


def wanted_by(plan: Plan, system: System, rows: Iterable[Row]) -> list[Wanted]:
    """Everything that these rows of ``system`` refer to, gathered into few questions."""
    gathered: dict[tuple[tuple[str, ...], str], set[str]] = defaultdict(set)
    referring = [(column.there, column.reference) for column in plan.readable(system) if column.reference is not None]
    for row in rows:
        for there, reference in referring:
            if (name := _name(reference, system, row.values.get(there))) is not None:
                gathered[reference.to, name[0]].add(name[1])
    return [Wanted(mappings, by, frozenset(values)) for (mappings, by), values in gathered.items()]


def _name(reference: Reference, system: System, value: Value) -> tuple[str, str] | None:
    """Which of a coupling's columns a reference's value in ``system`` is in, and as what; ``None`` for a blank."""
    if value is None or value in ("", ZERO_ID):
        return None
    if system is System.DATAVERSE:
        return "dv_id", str(value).lower()
    if reference.by == "id":
        return "bc_id", str(value).lower()
    key = str(value).strip().upper()
    return ("bc_key", key) if key else None


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

    def unknown(self, wanted: Iterable[Wanted]) -> list[Wanted]:
        """What remains of ``wanted`` to be asked for."""
        remaining = (
            replace(
                want, values=frozenset(one for one in want.values if self.find(want.mappings, want.by, one) is None)
            )
            for want in wanted
        )
        return [want for want in remaining if want.values]

    def find(self, mappings: Iterable[str], by: str, value: str) -> Coupled | None:
        """The coupling that has ``value`` in its column ``by``; the first of ``mappings`` that has one counts."""
        for mapping in mappings:
            if (found := self._found.get((mapping, by, value))) is not None:
                return found
        return None

    def canonical(self, plan: Plan, system: System, row: Row) -> dict[str, Value]:
        """The canonical values of a row: of every column that ``system`` has, and the constants that it stands for.

        Raises:
            Skip: a value does not fit its column's type; the text names the column.
        """
        values: dict[str, Value] = dict(plan.constants(system))
        get = row.values.get
        for name, there, read, reference in plan.readable(system):
            if reference is not None:
                values[name] = self._canonical_reference(reference, system, get(there))
                continue
            try:
                values[name] = read(get(there))
            except Skip as error:
                raise Skip(f"column {there}: {error.text}", code="type_mismatch") from error
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
        found = self.find(reference.to, "dv_id", str(value))
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

    def _canonical_reference(self, reference: Reference, system: System, value: Value) -> Value:
        name = _name(reference, system, value)
        if name is None:
            return None
        found = self.find(reference.to, *name)
        return found.dv_id if found is not None else f"{_UNCOUPLED}{name[1]}"


def is_uncoupled(value: Value) -> bool:
    """Whether a canonical reference names a record that is not coupled."""
    return isinstance(value, str) and value.startswith(_UNCOUPLED)
