"""What holds of a world at rest, whatever happened before: the engine's promises, as checks that name the culprit."""

from collections.abc import Iterator

from sqlalchemy import select

from engine.filters import admits
from engine.ledger import couplings
from engine.ledger.couplings import Coupling
from engine.ledger.database import read
from engine.ledger.models import UncoupledModel
from engine.plan import Plan
from engine.references import References, is_uncoupled, wanted, wanted_by
from schemas.mapping import UpdateConflict
from schemas.row import Row, Value
from schemas.system import Direction, System
from systems.interface import Delete, Write
from tests.support.users import Edit, Users
from tests.support.world import BC, DV, World


class Promises:
    """Watches a world from its beginning; :meth:`broken` tells at rest."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._unready: list[str] = []

    def watch(self, system: System, table: str, write: Write | None) -> None:
        """Look at a write that is about to happen."""
        if write is None or isinstance(write, Delete):
            return
        for plan in self._world.plans.of_table(system, table):
            for column in plan.references:
                name = column.column.name_in(system)
                value = write.values.get(name) if name is not None else None
                want = wanted(column, system, value)
                if want is None:
                    continue
                with read(self._world.database) as connection:
                    if not couplings.resolve(connection, [want]):
                        self._unready.append(f"{table}.{name} = {value} was written before that record was coupled")

    def broken(self, users: Users) -> list[str]:
        """What is not as promised."""
        return [*self._unready, *self._left_behind(), *self._orphans(), *self._different(), *self._lost_edits(users)]

    def _left_behind(self) -> Iterator[str]:
        """1. Every admitted row is on the other side, or something open says why not."""
        open_keys = {entry.key for entry in self._world.open_operations()}
        for plan in self._world.plans.in_order():
            for direction in Direction:
                if not plan.allows(direction):
                    continue
                source = direction.source
                coupled = {coupling.id_in(source) for coupling in self._world.couplings(plan.name)}
                for row in self._rows(plan, source).values():
                    known = row.id in coupled or (plan.name, direction, row.id) in {
                        (key.mapping, key.direction, key.record_id) for key in open_keys
                    }
                    if not known and (plan.name, source, row.id) not in self._uncoupled():
                        yield f"{plan.name}: {source} {row.id} is nowhere on the other side: {row.values}"

    def _orphans(self) -> Iterator[str]:
        """2. At most one row for a row: whatever the engine created is somebody's counterpart."""
        in_doubt = any(entry.code == "ambiguous_create" for entry in self._world.open_operations())
        for system, table, row_id in self._world.created:
            if row_id not in self._world.rows(system, table) or in_doubt:
                continue
            plans = self._world.plans.of_table(system, table)
            if not any(
                row_id in {coupling.id_in(system) for coupling in self._world.couplings(plan.name)}
                or (plan.name, system, row_id) in self._uncoupled()
                for plan in plans
            ):
                yield f"{system} {table} {row_id} was created and belongs to nothing: a duplicate"

    def _different(self) -> Iterator[str]:
        """5. Mapped columns agree in the mapping's direction, or something open says why not."""
        for plan in self._world.plans.in_order():
            for coupling in self._world.couplings(plan.name):
                if self._is_open(coupling):
                    continue
                rows = {system: self._world.rows(system, plan.tables[system].name) for system in System}
                pair = {system: rows[system].get(coupling.id_in(system)) for system in System}
                bc, dv = pair[BC], pair[DV]
                if bc is None or dv is None:
                    yield f"{plan.name}: one side of {coupling.bc_id} = {coupling.dv_id} is gone, and nobody says so"
                    continue
                yield from self._differences(plan, coupling, bc, dv)

    def _differences(self, plan: Plan, coupling: Coupling, bc: Row, dv: Row) -> Iterator[str]:
        ours, theirs = self._canonical(plan, BC, bc), self._canonical(plan, DV, dv)
        for column in plan.columns:
            if not column.compared or not column.flows or column.name not in ours or column.name not in theirs:
                continue
            travels = all(self._is_admitted(plan, way.source, {BC: bc, DV: dv}[way.source]) for way in column.flows)
            one, other = ours[column.name], theirs[column.name]
            if travels and one != other and not self._dangles(plan, column.name, {BC: bc, DV: dv}, (one, other)):
                yield f"{plan.name} {coupling.bc_id} = {coupling.dv_id}: {column.name} is {one!r} and {other!r}"

    def _lost_edits(self, users: Users) -> Iterator[str]:
        """8. What a user wrote stays until somebody who saw it writes something else, or a policy decides."""
        for plan in self._world.plans.in_order():
            for coupling in self._world.couplings(plan.name):
                if self._is_open(coupling) or coupling.generation:
                    continue  # what was edited in a row that is deleted and restored since, nobody can tell any more
                for column in plan.columns:
                    if column.two_way and column.column.reference is None and column.name != "city":
                        yield from self._lost(plan, coupling, column.name, users)

    def _lost(self, plan: Plan, coupling: Coupling, name: str, users: Users) -> Iterator[str]:
        column = plan.by_name[name]
        edits: list[Edit] = []
        for system in System:
            key = (system, plan.tables[system].name, coupling.id_in(system))
            edits += [edit for edit in users.edits if edit.key == key and edit.column == column.column.name_in(system)]
        row = self._world.rows(BC, plan.tables[BC].name).get(coupling.bc_id)
        if row is None or not edits:
            return
        final = column.read[BC](row.values.get(column.column.business_central or ""))
        manual = column.policy is UpdateConflict.MANUAL
        seen = {edit.seen for edit in edits if edit.settled or manual}
        latest = {edit.value for edit in edits if edit.value not in seen}
        if final in seen:
            yield f"{plan.name} {coupling.bc_id}: {name} went back to {final!r}, which was edited to {latest}"
        elif manual and len(latest) > 1:
            yield f"{plan.name} {coupling.bc_id}: {name} is {final!r}, and nobody was asked about {latest}"

    def _is_open(self, coupling: Coupling) -> bool:
        ids = {coupling.bc_id, coupling.dv_id}
        return any(
            entry.key.mapping == coupling.mapping and entry.key.record_id in ids
            for entry in self._world.open_operations()
        )

    def _rows(self, plan: Plan, system: System) -> dict[str, Row]:
        rows = self._world.rows(system, plan.tables[system].name)
        return {row_id: row for row_id, row in rows.items() if self._is_admitted(plan, system, row)}

    def _is_admitted(self, plan: Plan, system: System, row: Row) -> bool:
        return admits(plan.mapping.filter_in(system), row.values)

    def _canonical(self, plan: Plan, system: System, row: Row) -> dict[str, Value]:
        references = References()
        if asked := wanted_by(plan, system, [row]):
            with read(self._world.database) as connection:
                references.add(couplings.resolve(connection, asked))
        return references.canonical(plan, system, row)

    def _dangles(self, plan: Plan, name: str, rows: dict[System, Row], values: tuple[Value, Value]) -> bool:
        """Whether a reference names a row that is gone, or gone and come back as another one."""
        column = plan.by_name[name]
        if column.column.reference is None:
            return False
        for system, value in zip((BC, DV), values, strict=True):
            if is_uncoupled(value) and not self._exists(plan, name, system, rows[system]):
                return True
        return False

    def _exists(self, plan: Plan, name: str, system: System, row: Row) -> bool:
        column = plan.by_name[name].column
        value = row.values.get(column.name_in(system) or "")
        for target in column.reference.to if column.reference else ():
            there = self._world.plans[target]
            rows = self._world.rows(system, there.tables[system].name)
            if value in rows or (system is BC and any(there.key_of(one) == value for one in rows.values())):
                return True
        return False

    def _uncoupled(self) -> set[tuple[str, System, str]]:
        with read(self._world.database) as connection:
            model = UncoupledModel
            found = connection.execute(select(model.mapping, model.system, model.record_id))
            return {(mapping, System(system), record_id) for mapping, system, record_id in found}
