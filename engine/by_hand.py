"""Coupling and uncoupling by hand: what a person decides where no rule may.

A coupling made so has no base: with the next synchronization, which follows at once, every differing two-way column
counts as changed on both sides, and the policy picks the side. Uncoupled rows both stay, and are not created again on
the other side by themselves.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy import Connection, Engine

from engine.filters import admits
from engine.ledger import couplings
from engine.ledger.couplings import Coupling, Uncoupled
from engine.ledger.database import read
from engine.ledger.recording import Recording
from engine.plan import Plan, Plans
from engine.release import event_of
from schemas.change_event import ChangeEvent, ChangeKind
from schemas.errors import Skip
from schemas.row import Row
from schemas.system import Direction, System
from systems.interface import RecordSystem


class ByHand:
    """Couples and uncouples. The answers are events to publish, which are in the outbox until then.

    Both raise Retry where another worker was quicker or the database is away, and Retry and Stop of the systems.
    """

    def __init__(
        self,
        plans: Plans,
        systems: Mapping[System, RecordSystem],
        database: Engine,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._plans = plans
        self._systems = systems
        self._database = database
        self._clock = clock
        self._new_id = new_id

    def couple(self, plan: Plan, ids: Mapping[System, str]) -> list[ChangeEvent]:
        """Couple the rows with these ids, one of each system, and have the pair synchronized.

        Raises:
            Skip: one of the rows is not there, is outside the mapping's filter, or is coupled already; says which.
        """
        rows = {system: self._row(plan, system, row_id) for system, row_id in ids.items()}
        with read(self._database) as connection:
            for system, row in rows.items():
                self._require_free(connection, plan, system, row.id)
            notes = [self._note(connection, plan, system, row.id) for system, row in rows.items()]
        uncoupled = [note for note in notes if note is not None]
        coupling = Coupling(
            plan.name,
            rows[System.BUSINESS_CENTRAL].id,
            rows[System.DATAVERSE].id,
            bc_key=plan.key_of(rows[System.BUSINESS_CENTRAL]),
            generation=max((note.generation for note in uncoupled), default=0),
        )
        direction = next(direction for direction in Direction if plan.allows(direction))
        recording = Recording(
            added=[coupling],
            coupled_again=uncoupled,
            closed=coupling.keys,
            fulfilled=coupling.keys,
            releases=self._plans.waiting_keys(coupling),
            events=[self._event(plan, direction.source, coupling)],
        )
        return self._commit(recording)

    def uncouple(self, plan: Plan, row_id: str) -> list[ChangeEvent]:
        """Remove the coupling of the row with this id, in whichever system.

        Raises:
            Skip: it is not coupled.
        """
        with read(self._database) as connection:
            found = [couplings.load(connection, plan.name, system, [row_id]) for system in System]
        coupling = next((one[row_id] for one in found if row_id in one), None)
        if coupling is None:
            raise Skip(f"{row_id} is not coupled by {plan.name}", code="not_coupled")
        left = [Uncoupled(plan.name, one, coupling.id_in(one), coupling.generation + 1) for one in System]
        return self._commit(Recording(removed=[coupling], left=left, closed=coupling.keys))

    def _row(self, plan: Plan, system: System, row_id: str) -> Row:
        table = plan.tables[system]
        row = self._systems[system].read(table, [row_id]).get(row_id)
        if row is None:
            raise Skip(f"{system.value} has no row {row_id} in {table.name}", code="no_row")
        if not admits(plan.mapping.filter_in(system), row.values):
            raise Skip(f"the row {row_id} of {table.name} is outside the filter of {plan.name}", code="outside_filter")
        return row

    def _require_free(self, connection: Connection, plan: Plan, system: System, row_id: str) -> None:
        taken = couplings.load(connection, plan.name, system, [row_id]).get(row_id)
        if taken is not None:
            other = taken.id_in(system.other)
            text = f"{row_id} is coupled already, to {other}; remove that coupling first"
            raise Skip(text, code="coupled_already")

    def _note(self, connection: Connection, plan: Plan, system: System, row_id: str) -> Uncoupled | None:
        return couplings.load_uncoupled(connection, plan.name, system, [row_id]).get(row_id)

    def _event(self, plan: Plan, system: System, coupling: Coupling) -> ChangeEvent:
        return ChangeEvent(
            self._new_id(),
            system,
            plan.tables[system].name,
            coupling.id_in(system),
            ChangeKind.MODIFIED,
            self._clock(),
        )

    def _commit(self, recording: Recording) -> list[ChangeEvent]:
        now = self._clock()
        return recording.commit(
            self._database,
            now,
            lambda entry: event_of(entry, self._plans, event_id=self._new_id(), now=now),
            (),
            durable=True,
        )
