"""What all steps of one batch share: the lane's plan, the two systems, what the ledger said about references."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Engine

from engine.ledger import couplings, mapping_states
from engine.ledger.database import read
from engine.plan import Plan, Plans
from engine.references import References, wanted_by
from schemas.row import Row, Table, Value
from schemas.system import Direction, System
from systems.interface import RecordSystem


@dataclass(slots=True)
class BatchContext:
    """See the module's docstring. Lives as long as its batch.

    Attributes:
        tag: marks the batch's writes as ours.
    """

    plans: Plans
    plan: Plan
    direction: Direction
    systems: Mapping[System, RecordSystem]
    database: Engine
    clock: Callable[[], datetime]
    tag: str
    references: References = field(default_factory=References)
    _only_coupled: Mapping[str, bool] | None = None

    @property
    def source(self) -> RecordSystem:
        """The system that is read."""
        return self.systems[self.direction.source]

    @property
    def destination(self) -> RecordSystem:
        """The system that is written."""
        return self.systems[self.direction.destination]

    @property
    def source_table(self) -> Table:
        """The mapping's table in the source."""
        return self.plan.tables[self.direction.source]

    @property
    def destination_table(self) -> Table:
        """The mapping's table in the destination."""
        return self.plan.tables[self.direction.destination]

    def only_coupled(self, mapping: str) -> bool:
        """Whether uncoupled rows are left alone now. Asked of the ledger once a batch, where it matters."""
        if self._only_coupled is None:
            with read(self.database) as connection:
                self._only_coupled = mapping_states.wants_only_coupled(connection, self.plans.mappings.mappings)
        return self._only_coupled[mapping]

    def learn_references(self, system: System, rows: Iterable[Row]) -> None:
        """Ask the ledger, once, for every record that these rows of ``system`` point to and that is not known yet."""
        wanted = self.references.unknown(wanted_by(self.plan, system, rows))
        if wanted:
            with read(self.database) as connection:
                self.references.add(couplings.resolve(connection, wanted))

    def canonical(self, system: System, row: Row) -> dict[str, Value]:
        """The canonical values of a row whose references have been learned.

        Raises:
            Skip: a value does not fit its column's type.
        """
        return self.references.canonical(self.plan, system, row)

    def written(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """Canonical values, by column name, as the destination takes them, by its own column names.

        Raises:
            Skip: a value has no form in the destination.
        """
        system = self.direction.destination
        return {
            column.column.name_in(system) or name: self.references.written(self.plan, column, system, value)
            for name, value in values.items()
            for column in (self.plan.by_name[name],)
        }

    def read_destination(self, ids: Iterable[str]) -> dict[str, Row]:
        """The present destination rows, references learned."""
        wanted = list(dict.fromkeys(ids))
        rows = self.destination.read(self.destination_table, wanted) if wanted else {}
        self.learn_references(self.direction.destination, rows.values())
        return rows
